#include "parallel.hpp"

#include <cstdlib>

namespace multilevel {

int thread_count() {
  for (const char* name : {"MULTILEVEL_NUM_THREADS", "OMP_NUM_THREADS"})
    if (const char* value = std::getenv(name))
      if (const int n = std::atoi(value); n > 0) return n;
  static const int processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));  // reads a file
  return processors;
}

namespace {

constexpr int kYields = 200;  // about a tenth of a millisecond: waking a thread that sleeps takes as long

template <class Ready>
void await(Ready&& ready, std::mutex& mutex, std::condition_variable& changed) {
  for (int i = 0; i < kYields; ++i) {
    if (ready()) return;
    std::this_thread::yield();
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, ready);
}

}  // namespace

thread_local Team* Team::present_ = nullptr;

Team::Team(int most) {
  const int threads = most < 2 || present_ || inside_parallel ? 1 : std::min(most, thread_count());
  for (int t = 1; t < threads; ++t) helpers_.emplace_back([this, t] { help(t); });
  if (threads > 1) present_ = this;
}

Team::~Team() {
  if (helpers_.empty()) return;
  present_ = nullptr;
  begin(nullptr);
  for (std::thread& h : helpers_) h.join();
}

void Team::begin(const void* work) {
  work_ = work;
  busy_ = static_cast<int>(helpers_.size());
  {
    const std::lock_guard lock(mutex_);
    ++round_;
  }
  begun_.notify_all();
}

void Team::finish() {
  await([&] { return busy_ == 0; }, mutex_, done_);
}

void Team::help(int thread) {
  for (int round = 0;; ++round) {
    await([&] { return round_ != round; }, mutex_, begun_);
    if (!work_) return;
    call_(work_, thread);
    if (--busy_ > 0) continue;
    { const std::lock_guard lock(mutex_); }  // not between the look of the one who waits and its sleep
    done_.notify_one();
  }
}

}  // namespace multilevel
