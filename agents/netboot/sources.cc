// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/sources.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>

namespace starling::netboot {

FlockBoard read_flock_board(const nlohmann::json& answer, int http_port) {
  FlockBoard board;
  const auto nodes = answer.find("nodes");
  if (nodes == answer.end() || !nodes->is_array()) return board;
  for (const auto& node : *nodes)
    if (node.value("self", false)) {
      board.number = node.value("number", 0);
      board.image = node.value("image", "");
    }
  std::vector<std::pair<int, Source>> found;
  for (const auto& node : *nodes) {
    const int number = node.value("number", 0);
    const auto state = node.value("state", "");
    // A suspect may still be answering: only a dead one is out of the race.
    if (number <= 0 || (state != "alive" && state != "suspect")) continue;
    board.alive.push_back(number);
    if (node.value("self", false)) continue;
    const auto address = node.value("address", ""), interface = node.value("interface", "");
    Source source{"", http_port, "node " + std::to_string(number)};
    if (!address.empty() && !interface.empty()) source.address = address + "%" + interface;
    if (number < board.number) board.lower.push_back({number, source});
    if (source.address.empty() || board.image.empty() || node.value("image", "") != board.image)
      continue;
    found.push_back({number, std::move(source)});
  }
  std::ranges::sort(board.lower, {}, &Rival::number);
  const int answerer = board.alive.empty() ? 0 : *std::ranges::min_element(board.alive);
  std::ranges::sort(found, {}, [&](const auto& f) {
    return std::tuple(f.first != answerer, f.first < board.number, f.first);
  });
  for (auto& [number, source] : found) board.sources.push_back(std::move(source));
  return board;
}

SessionKey ask_list_key(ControlClient& control) {
  const auto answer = control.ask({{"cmd", "boot-list-key"}});
  SessionKey key{};
  if (!answer.value("ok", false) || !from_hex(answer.value("key", ""), key))
    throw std::runtime_error("starlingd gives no key for the list of boot files: " +
                             answer.value("error", "a strange answer"));
  return key;
}

}  // namespace starling::netboot
