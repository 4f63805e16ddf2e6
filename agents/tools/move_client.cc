// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/tools/move_client.h"

#include <charconv>
#include <iostream>

namespace starling::tools {

static int status_of(const std::string& code) {
  if (code == "unknown-node" || code == "node-down") return kNoSuchNode;
  if (code == "no-process") return kNoSuchProcess;
  if (code == "denied") return kDenied;
  return kFailure;
}

nlohmann::json ask_move(const std::filesystem::path& socket, const nlohmann::json& request) {
  nlohmann::json answer = ControlClient(socket, kMoveTimeoutMs).ask(request);
  if (!answer.value("ok", false)) {
    throw Refused(status_of(answer.value("code", "")),
                  answer.value("error", "the daemon gave no reason"));
  }
  return answer;
}

pid_t process_number(const std::string& text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc{} || end != text.data() + text.size() || pid <= 0) {
    throw UsageError("\"" + text + "\" is no process number");
  }
  return pid;
}

int guarded(const char* tool, const std::function<int()>& run) {
  try {
    return run();
  } catch (const UsageError& e) {
    std::cerr << tool << ": " << e.what() << "; see " << tool << " --help\n";
    return kUsage;
  } catch (const DaemonNotRunning& e) {
    std::cerr << tool << ": " << e.what() << "\n";
    return kNotRunning;
  } catch (const Refused& e) {
    std::cerr << tool << ": " << e.what() << "\n";
    return e.status;
  } catch (const std::exception& e) {
    std::cerr << tool << ": " << e.what() << "\n";
    return kFailure;
  }
}

}  // namespace starling::tools
