// SPDX-License-Identifier: GPL-2.0-or-later
// A node's sealed channel under datagrams of an attacker's making. The input is a list of
// datagrams: length (2 bytes, big endian), a byte of choices, content. A choice makes the harness
// do what the fuzzer cannot: put the right tag in front, or seal the content as a member would,
// so that what lies behind the cryptography is reached too.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "agents/common/flock_key.h"
#include "agents/common/sealed_channel.h"

namespace {

using namespace starling;

struct NullSink : SealedChannel::Sink {
  std::size_t delivered = 0;
  void deliver(const Path&, Bytes payload, TimeNs) override {
    if (payload.size() > kMaxPayload) abort();
    ++delivered;
  }
  void transmit(const Path& path, Bytes datagram) override {
    // Only our own, fixed-size answers go out, and only to who wrote.
    if (datagram.size() > 40 + kSealOverhead || is_multicast(path.destination)) abort();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const KeySchedule keys(FlockKey({1, 2, 3}), "fuzz");
  SealedChannel::Limits limits;
  limits.unproven = 4;
  limits.held = 6;
  limits.sessions = 4;
  SealedChannel channel(keys, SessionId{1}, limits);
  Aead aead;
  NullSink sink;
  Path path;
  path.source = {0xfe, 0x80, 1};
  path.destination = {0xff, 0x12, 2};
  const Address6 local = {0xfe, 0x80, 3};
  TimeNs now = kSecond;
  while (size >= 3) {
    const std::size_t length = std::min<std::size_t>(data[0] << 8 | data[1], size - 3);
    const std::uint8_t choice = data[2];
    const Bytes content(data + 3, length);
    data += 3 + length;
    size -= 3 + length;
    std::vector<std::uint8_t> datagram(content.begin(), content.end());
    if ((choice & 3) == 1 && datagram.size() >= 12) {
      datagram[0] = SealedHeader::kVersion;
      std::memcpy(datagram.data() + 4, keys.tag().data(), 8);
    } else if ((choice & 3) == 2 && content.size() <= kMaxPayload) {
      DatagramSealer sealer(keys, SessionId{static_cast<std::uint8_t>(2 + (choice >> 4))});
      datagram.resize(content.size() + kSealOverhead);
      sealer.seal(aead, static_cast<SealedHeader::Kind>((choice >> 2) % 3), path, content,
                  datagram);
    }
    now += static_cast<TimeNs>(choice) * 10 * kMillisecond;
    channel.receive(path, local, datagram, now, now, sink);
    if (choice & 8) channel.expire(now);
    if (channel.unproven_sessions() > 4 || channel.proven_sessions() > 4) abort();
  }
  // Nobody here ever returned a nonce, so nothing may have been delivered.
  if (sink.delivered != 0) abort();
  return 0;
}
