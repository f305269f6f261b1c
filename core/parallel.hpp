// Work shared among a few threads: the coordinating one and helpers that live for one call. Thread counts obey
// MULTILEVEL_NUM_THREADS and OMP_NUM_THREADS; a call made from a helper runs where it is (no nested parallelism).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

namespace multilevel {

inline thread_local bool inside_parallel = false;

inline int thread_count() {
  for (const char* name : {"MULTILEVEL_NUM_THREADS", "OMP_NUM_THREADS"})
    if (const char* value = std::getenv(name))
      if (const int n = std::atoi(value); n > 0) return n;
  return std::max(1u, std::thread::hardware_concurrency());
}

// Calls job(i, thread) for i = 0 .. n-1. `operations` is the total work: little of it stays on one thread.
template <class F>
void parallel_for(int n, double operations, F&& job) {
  const int threads = inside_parallel || operations < 4e6 ? 1 : std::min(n, thread_count());
  std::atomic<int> next{0};
  const auto work = [&](int thread) {
    const bool outer = inside_parallel;
    inside_parallel = true;
    for (int i = next++; i < n; i = next++) job(i, thread);
    inside_parallel = outer;
  };
  std::vector<std::thread> helpers;
  for (int t = 1; t < threads; ++t) helpers.emplace_back(work, t);
  work(0);
  for (std::thread& h : helpers) h.join();
}

}  // namespace multilevel
