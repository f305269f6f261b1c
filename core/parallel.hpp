// Work shared among a few threads: the coordinating one and helpers that live for one call. Thread counts obey
// MULTILEVEL_NUM_THREADS and OMP_NUM_THREADS; a call made from a helper runs where it is (no nested parallelism).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
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

// The same `work` on this thread and threads - 1 others, which share `next`. When this one is interrupted, the others end
// once they have finished what they are at.
template <class F>
void share_out(int threads, std::size_t n, std::atomic<std::size_t>& next, F&& work) {
  std::vector<std::thread> helpers;
  const auto finish = [&] {
    inside_parallel = false;
    for (std::thread& h : helpers) h.join();
  };
  for (int t = 1; t < std::min<std::int64_t>(threads, static_cast<std::int64_t>(n)); ++t) helpers.emplace_back(work);
  try {
    work();
  } catch (...) {
    next = n;
    finish();
    throw;
  }
  finish();
}

}  // namespace multilevel
