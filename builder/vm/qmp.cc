// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/qmp.h"

#include "builder/core/error.h"

namespace starling::vm {

using builder::Error;
using nlohmann::json;

QmpMessage parse_qmp(const std::string& line) {
  auto message = json::parse(line, nullptr, false);
  if (!message.is_object()) throw Error("not a QMP message: " + line);
  if (message.contains("QMP")) return {QmpMessage::Kind::greeting, message["QMP"]};
  if (message.contains("return")) return {QmpMessage::Kind::reply, message["return"]};
  if (message.contains("error")) return {QmpMessage::Kind::error, message["error"]};
  if (message.contains("event")) return {QmpMessage::Kind::event, std::move(message)};
  throw Error("not a QMP message: " + line);
}

Qmp::Qmp(const std::filesystem::path& socket, std::chrono::milliseconds limit)
    : socket_(socket, Clock::now() + limit) {
  const auto greeting = next(Clock::now() + limit);
  if (greeting.kind != QmpMessage::Kind::greeting) throw Error("QEMU did not greet");
  const auto number = greeting.body.value("/version/qemu"_json_pointer, json::object());
  version_ = std::to_string(number.value("major", 0)) + "." +
             std::to_string(number.value("minor", 0)) + "." +
             std::to_string(number.value("micro", 0));
  run("qmp_capabilities", json::object(), limit);
}

QmpMessage Qmp::next(Clock::time_point deadline) {
  const auto line = socket_.receive(deadline);
  if (!line) throw Error("QEMU does not answer on its control socket");
  return parse_qmp(*line);
}

json Qmp::run(const std::string& command, const json& arguments, std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  json request = {{"execute", command}};
  if (!arguments.empty()) request["arguments"] = arguments;
  socket_.send(request.dump() + "\n", deadline);
  for (;;) {
    auto message = next(deadline);
    if (message.kind == QmpMessage::Kind::reply) return message.body;
    if (message.kind == QmpMessage::Kind::error)
      throw Error("QEMU refused " + command + ": " + message.body.value("desc", "no reason given"));
  }
}

}  // namespace starling::vm
