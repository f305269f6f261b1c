// A long computation ends where it is safe to end when the user asks for it: looked at between evaluations, and between
// panels of a large core, at most every 50 ms.
#pragma once

#include <chrono>

namespace multilevel {

inline void (*stop_if_asked)() = nullptr;  // set by the doorway; throws on the thread that may be interrupted

inline void check_interrupt() {
  using Clock = std::chrono::steady_clock;
  static thread_local Clock::time_point last;
  if (!stop_if_asked) return;
  const Clock::time_point now = Clock::now();
  if (now - last < std::chrono::milliseconds(50)) return;
  last = now;
  stop_if_asked();
}

}  // namespace multilevel
