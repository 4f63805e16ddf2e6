// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/guest_agent.h"

#include <array>
#include <cstdint>

#include "builder/core/error.h"
#include "builder/core/interrupt.h"
#include "builder/vm/pause.h"

namespace starling::vm {
namespace {

using builder::Error;
using nlohmann::json;
using namespace std::chrono_literals;

// The agent drops all it has read of a broken command, and its next reply starts with this byte.
constexpr char kSentinel = '\xff';

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

}  // namespace

std::string decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) throw Error("broken base64 from the guest agent");
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const int padding = !last || text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    std::uint32_t bits = 0;
    for (int k = 0; k < 4; ++k) {
      const int digit = k >= 4 - padding ? 0 : base64_digit(text[i + static_cast<size_t>(k)]);
      if (digit < 0) throw Error("broken base64 from the guest agent");
      bits = bits << 6 | static_cast<std::uint32_t>(digit);
    }
    for (int k = 0; k < 3 - padding; ++k)
      out += static_cast<char>(bits >> (16 - 8 * k) & 0xff);
  }
  return out;
}

std::optional<GuestResult> parse_exec_status(const json& reply) {
  if (!reply.is_object() || !reply.contains("exited") || !reply["exited"].is_boolean())
    throw Error("not an answer of guest-exec-status: " + reply.dump());
  if (!reply["exited"].get<bool>()) return std::nullopt;
  GuestResult result;
  result.status =
      reply.contains("signal") ? 128 + reply.value("signal", 0) : reply.value("exitcode", 0);
  result.out = decode_base64(reply.value("out-data", ""));
  result.err = decode_base64(reply.value("err-data", ""));
  return result;
}

void GuestAgent::synchronise(Clock::time_point deadline) {
  if (!socket_) socket_.emplace(path_, deadline);
  const int id = next_id_++;
  const json request = {{"execute", "guest-sync-delimited"}, {"arguments", {{"id", id}}}};
  socket_->send(kSentinel + request.dump() + "\n", deadline);
  // Answers to earlier calls that were given up on may come first.
  while (auto line = socket_->receive(deadline)) {
    if (const auto start = line->rfind(kSentinel); start != std::string::npos)
      line->erase(0, start + 1);
    const auto reply = json::parse(*line, nullptr, false);
    if (reply.is_object() && reply.contains("return") && reply["return"] == id) return;
  }
  throw Error("the guest agent does not answer");
}

bool GuestAgent::answers(std::chrono::milliseconds limit) {
  try {
    synchronise(Clock::now() + limit);
    return true;
  } catch (const builder::Interrupted&) {
    throw;
  } catch (const Error&) {
    return false;
  }
}

json GuestAgent::call(const std::string& command, const json& arguments,
                      Clock::time_point deadline) {
  const json request = {{"execute", command}, {"arguments", arguments}};
  socket_->send(request.dump() + "\n", deadline);
  const auto line = socket_->receive(deadline);
  if (!line) throw Error("the guest agent did not answer " + command + " in time");
  const auto reply = json::parse(*line, nullptr, false);
  if (!reply.is_object() || !reply.contains("return")) {
    const auto error = reply.is_object() ? reply.value("error", json::object()) : json::object();
    throw Error("the guest agent refused " + command + ": " + error.value("desc", *line));
  }
  return reply["return"];
}

GuestResult GuestAgent::run(const std::vector<std::string>& argv,
                            std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  synchronise(deadline);
  const json start = {{"path", argv.at(0)},
                      {"arg", std::vector<std::string>(argv.begin() + 1, argv.end())},
                      {"capture-output", true}};
  const auto pid = call("guest-exec", start, deadline).value("pid", 0);
  for (auto wait = 20ms;; wait = std::min(wait * 2, 200ms)) {
    if (auto result = parse_exec_status(call("guest-exec-status", {{"pid", pid}}, deadline)))
      return *result;
    if (Clock::now() >= deadline) throw Error(argv[0] + " in the guest does not end");
    pause_for(wait);
  }
}

}  // namespace starling::vm
