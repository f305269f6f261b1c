// The module: how the core reaches Python, and its two doorways.
#include <exception>

#include "doorway.hpp"
#include "interrupt.hpp"
#include "refused.hpp"

namespace {

namespace nb = nanobind;

// KeyboardInterrupt, when the user has asked for it; on any thread but the main one Python says no.
void raise_signals() {
  const nb::gil_scoped_acquire hold;
  if (PyErr_CheckSignals()) throw nb::python_error();
}

}  // namespace

NB_MODULE(_core, m) {
  multilevel::stop_if_asked = &raise_signals;
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const multilevel::Refused& e) {
      PyErr_SetString(nb::module_::import_("multilevel.errors").attr("FitError").ptr(), e.what());
    }
  });
  m.doc() = "The compiled core: sums, elimination, Newton. See _core.pyi.";
  doorway::bind_covariances(m);
  doorway::bind_linear(m);
  doorway::bind_generalized(m);
}
