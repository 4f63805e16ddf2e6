// SPDX-License-Identifier: GPL-2.0-or-later
// Datagrams of a hostile key holder. The input is a list of plaintexts, each after a byte for its
// sender, a byte for the time that passes and two for its length.
#include <algorithm>
#include <cstdlib>

#include "agents/membership/member.h"

namespace {

using namespace starling::membership;

class Nowhere final : public Environment {
 public:
  Time now() override { return clock; }
  uint64_t random() override { return state = state * 6364136223846793005ULL + 1442695040888963407ULL; }
  void send(const Address&, std::span<const uint8_t> bytes) override {
    if (bytes.size() > kMaxDatagram) std::abort();
    // One datagram in must not become many out, however it is made up: 8 pages of a sync, 3 of
    // descriptions, some 32 questions to nodes held dead, and what a tick has to say.
    if (++sent > 400) std::abort();
  }
  void multicast(std::span<const uint8_t> bytes) override {
    if (bytes.size() > kMaxDatagram) std::abort();
  }
  Time clock{1'000'000};
  uint64_t state = 1;
  int sent = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Nowhere nowhere;
  Options options;
  options.uid = 0x1111;
  options.machine = 0x2222;
  options.port = 7;
  options.max_nodes = 300;
  Member member(options, nowhere);
  member.start();
  for (size_t at = 0; at + 4 <= size;) {
    const Address from{kLinkLocalPrefix, data[at], static_cast<uint32_t>(data[at] & 3), 7};
    nowhere.clock += Time{data[at + 1] * 2000};
    const size_t length = std::min<size_t>(data[at + 2] | data[at + 3] << 8, size - at - 4);
    nowhere.sent = 0;
    member.receive(from, {data + at + 4, length}, nowhere.clock - Time{data[at + 1]});
    if (member.next_deadline() <= nowhere.clock) {
      nowhere.sent = 0;
      member.tick();
    }
    at += 4 + length;
  }
  if (member.alive() < 1 || member.alive() > 300) std::abort();
  if (!member.find(0x1111) || member.board(true).size() > 300) std::abort();
  return 0;
}
