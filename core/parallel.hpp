// Work shared among a few threads: the coordinating one and helpers that live for one call, or for a stage. Thread counts obey
// MULTILEVEL_NUM_THREADS and OMP_NUM_THREADS; a call made from a helper runs where it is (no nested parallelism).
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace multilevel {

inline thread_local bool inside_parallel = false;

int thread_count();

// Helpers that stay for the calls of parallel_for made while this lives, on the thread that made it: a stage of elimination
// makes dozens, and a thread costs as much as the smallest of them saves.
class Team {
 public:
  explicit Team(int most);  // threads; none if that is less than two, or where there is a team
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  static Team* present() { return present_; }
  int size() const { return static_cast<int>(helpers_.size()) + 1; }

  // work(thread) on every thread
  template <class Work>
  void together(const Work& work) {
    call_ = [](const void* w, int thread) { (*static_cast<const Work*>(w))(thread); };
    begin(&work);
    const Finish after{*this};  // the helpers read `work`, also where this thread runs out of memory
    work(0);
  }

 private:
  struct Finish {
    Team& team;
    ~Finish() { team.finish(); }
  };
  static thread_local Team* present_;
  std::vector<std::thread> helpers_;
  std::atomic<int> round_{0}, busy_{0};
  std::mutex mutex_;
  std::condition_variable begun_, done_;
  void (*call_)(const void*, int) = nullptr;
  const void* work_ = nullptr;  // null: the end
  void begin(const void* work);
  void finish();
  void help(int thread);
};

// Calls job(i, thread) for i = 0 .. n-1. `operations` is the total work: little of it stays on one thread.
template <class F>
void parallel_for(int n, double operations, F&& job) {
  Team* team = Team::present();
  const int threads = inside_parallel || operations < (team ? 1e6 : 4e6) ? 1 : std::min(n, team ? team->size() : thread_count());
  std::atomic<int> next{0};
  const auto work = [&](int thread) {
    const bool outer = inside_parallel;
    inside_parallel = true;
    for (int i = next++; i < n; i = next++) job(i, thread);
    inside_parallel = outer;
  };
  if (team && threads > 1) return team->together(work);
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
