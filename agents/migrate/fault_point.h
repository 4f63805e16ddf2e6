// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace starling::migrate {

// Named steps of the protocol at which a test may let something fail, as CRIU's fault injection
// does. Only helpers compiled with STARLING_FAULT_POINTS have them: in what is shipped the calls
// and the names are gone, which a test holds.
//
// The environment variable STARLING_FAULT says where and what, "STEP:KIND":
//   die      SIGKILL to itself
//   hang=MS  does nothing for so long, then goes on
//   fail     throws std::runtime_error
//   drop     breaks off the control connection, then goes on
// It happens once in the life of a helper, which then adds a line to the file $STARLING_FAULT_MARK.
#ifdef STARLING_FAULT_POINTS
void fault_point(const char* step, int connection);
#else
inline void fault_point(const char*, int) {}
#endif

// Whether the process runs on at home, whatever fails at a step.
enum class Fate {
  stays,  // before the commit point, or after the process was taken home: it goes on at home
  held,   // the same, unless home's helper dies while calls of ours are made in it
  away,   // it may end as if killed
};

struct FaultStep {
  const char* name;
  Fate fate;
};

// All of them in the order in which they come; home's begin with "home-", the guest's with
// "guest-".
inline constexpr FaultStep kFaultSteps[] = {
    {"home-hello", Fate::stays},       // HELLO was sent
    {"guest-hello", Fate::stays},      // HELLO came
    {"guest-prepared", Fate::stays},   // there is an empty body
    {"guest-welcome", Fate::stays},    // WELCOME was sent
    {"home-welcome", Fate::stays},     // WELCOME came
    {"home-connected", Fate::stays},   // the page connections stand
    {"guest-connected", Fate::stays},  // the same
    {"home-frozen", Fate::stays},      // the process is stopped
    {"home-scratch", Fate::held},      // the scratch area is mapped
    {"home-captured", Fate::stays},    // its state is known
    {"home-state", Fate::stays},       // STATE was sent
    {"guest-state", Fate::stays},      // STATE came
    {"guest-built", Fate::stays},      // the body is whole
    {"guest-ready", Fate::away},       // READY was sent: home may say RUN any time
    {"home-ready", Fate::stays},       // READY came
    {"home-run", Fate::away},          // RUN was sent: the commit point lies before
    {"guest-run", Fate::away},         // RUN came
    {"guest-away", Fate::away},        // the body runs
    {"guest-call", Fate::away},        // it makes a call
    {"guest-call-sent", Fate::away},   // CALL was sent
    {"home-call", Fate::away},         // CALL came
    {"home-result", Fate::away},       // the call was made
    {"home-result-sent", Fate::away},  // RESULT was sent
    {"guest-result", Fate::away},      // RESULT came
    {"home-prepare", Fate::away},      // it shall come home
    {"guest-prepare", Fate::away},     // PREPARE_HOME came
    {"home-stop", Fate::away},         // what it wrote has come ahead
    {"home-stop-sent", Fate::away},    // STOP was sent
    {"guest-stop", Fate::away},        // STOP came
    {"guest-stopped", Fate::away},     // the body is stopped
    {"guest-harvested", Fate::away},   // what it changed is known
    {"guest-home-state", Fate::away},  // HOME_STATE was sent
    {"home-home-state", Fate::away},   // HOME_STATE came
    {"home-layout", Fate::away},       // the layout is right
    {"guest-pages", Fate::away},       // PAGES were sent
    {"home-pages-end", Fate::away},    // PAGES_END came
    {"home-restored", Fate::away},     // the process is whole, and still stopped
    {"guest-pages-end", Fate::stays},  // PAGES_END was sent: home needs nothing more
    {"home-released", Fate::stays},    // it runs at home
    {"home-done", Fate::stays},        // HOME_DONE was sent
    {"guest-done", Fate::stays},       // HOME_DONE came
};

}  // namespace starling::migrate
