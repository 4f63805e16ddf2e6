// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it
#include <vector>

#include <boost/asio/io_context.hpp>

#include "agents/netboot/download.h"

namespace starling::netboot {

// Whether a node could boot others.
enum class Readiness { unknown, ready, not_ready };

// What a node serves to others of the flock, and only while it has all boot files.
constexpr const char* kReadyName = "boot-ready";

// A living node with a lower number than this one.
struct Rival {
  int number = 0;
  Source source;  // no address: not known yet
};

// What the nodes before this one in the row say of themselves. An answer holds until the next;
// a node that says nothing for kSilence, or that cannot be asked, is not ready: its boot server is
// switched off, has died, or is of a version without this question.
class Rivals {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kSilence{10};
  // How often to ask: quickly where an answer could change something.
  static constexpr std::chrono::seconds kAgain{1}, kReadyAgain{5};
  // Asks a node; the answer comes with heard(). Replaced in tests.
  using Ask = std::function<void(const Rival&)>;

  explicit Rivals(Ask ask) : ask_(std::move(ask)) {}

  // These are all there are now. Asks those that are due: with one ready node the ones behind it
  // do not matter. `rivals` by ascending number.
  void look(Time now, const std::vector<Rival>& rivals);
  // `unknown`: it did not answer.
  void heard(Time now, int number, Readiness answer);
  // For Election::update(). Empty without rivals.
  std::vector<Readiness> readiness(Time now) const;
  // The lowest that is ready, 0 if none is known.
  int lowest_ready() const;

 private:
  struct Known {
    Readiness is = Readiness::unknown;
    Time since{};  // the last answer, or when it appeared
    Time next{};   // to ask again
    bool asked = false;
  };
  Ask ask_;
  std::map<int, Known> known_;
};

// Asks over HTTP whether a node serves kReadyName; bounded by `limit`. `done` comes from io's
// thread, not from inside the call. Any answer but 200 and a refused connection are not_ready.
void ask_readiness(boost::asio::io_context& io, const Source& source,
                   std::chrono::milliseconds limit, std::function<void(Readiness)> done);

}  // namespace starling::netboot
