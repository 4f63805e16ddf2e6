// SPDX-License-Identifier: GPL-2.0-or-later
// Forwarded calls from a hostile peer and from a hostile program. The first byte chooses: 0, a
// frame with a call, whose outputs are then read; 1, a frame with a result; otherwise a call to
// marshal: 2 bytes number, the arguments, and the rest is the memory they point into.
#include <linux/audit.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "agents/migrate/call_codec.h"

namespace {

using namespace starling;
using namespace starling::migrate;

constexpr std::uint64_t kBase = 0x10000;

// The input's bytes at kBase; nothing elsewhere.
class InputMemory final : public MemoryReader {
 public:
  explicit InputMemory(Bytes bytes) : bytes_(bytes) {}
  std::size_t read(RemoteAddr at, MutableBytes out) override {
    if (at.value < kBase || at.value - kBase >= bytes_.size()) return 0;
    const Bytes from = bytes_.subspan(at.value - kBase);
    const std::size_t n = std::min(out.size(), from.size());
    std::copy_n(from.begin(), n, out.begin());
    return n;
  }
  bool writable(RemoteRange range) override {
    return range.begin.value >= kBase && range.end.value <= kBase + bytes_.size();
  }

 private:
  Bytes bytes_;
};

void bring_back(const MarshalledCall& call, MemoryReader& memory) {
  for (const std::int64_t result : {0LL, 1LL, 5LL, 1LL << 40, -4LL, -516LL}) {
    try {
      std::uint64_t bytes = 0;
      for (const Segment& segment : outputs(call, result, memory)) bytes += segment.bytes.size();
      if (bytes > kMaxCallData) std::abort();
    } catch (const std::runtime_error&) {  // the deputy lacks the memory
    }
  }
}

void decode(Bytes frame) {
  InputMemory memory(frame);
  try {
    const ForwardedCall call = decode_call(frame);
    const auto again = encode(call);
    if (!std::equal(again.begin(), again.end(), frame.begin(), frame.end())) std::abort();
    bring_back(call.call, memory);
  } catch (const ProtocolError&) {
  }
}

void decode_answer(Bytes frame) {
  try {
    const auto again = encode(decode_result(frame));
    if (!std::equal(again.begin(), again.end(), frame.begin(), frame.end())) std::abort();
  } catch (const ProtocolError&) {
  }
}

void make(Bytes input) {
  CallArgs args{};
  std::uint16_t nr = 0;
  if (input.size() < sizeof nr + sizeof args) return;
  std::memcpy(&nr, input.data(), sizeof nr);
  std::memcpy(args.data(), input.data() + sizeof nr, sizeof args);
  InputMemory memory(input.subspan(sizeof nr + sizeof args));
  const CallContext context{.pid = 1, .tid = 1, .shared_memory = true};
  const MarshalledCall call =
      marshal(nr, args, classify(AUDIT_ARCH_X86_64, nr, args, context), context, memory);
  if (call.needs_home()) return;
  // What is made here, home takes.
  if (!(decode_call(encode(ForwardedCall{1, 2, call})).call == call)) std::abort();
  bring_back(call, memory);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes rest{data + 1, size - 1};
  if (data[0] == 0) {
    decode(rest);
  } else if (data[0] == 1) {
    decode_answer(rest);
  } else {
    make(rest);
  }
  return 0;
}
