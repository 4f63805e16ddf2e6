// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/call_codec.h"

#include <bit>
#include <concepts>
#include <cstring>

// A call:    tid 4, cookie 8, nr 4, may_block 1, args 6*8, in segments, number of requests 4,
// requests. A result:  tid 4, cookie 8, result 8, flags 4, out segments. Segments:  number 4, then
// of each: address 8, size 4, bytes. A request: address 8, capacity 4, when 1, length 1, min_result
// 4, unit 2, extra 1, skip 4, length_at 8.
static_assert(std::endian::native == std::endian::little,
              "numbers are copied as they lie in memory");

namespace starling::migrate {
namespace {

constexpr std::size_t kSegmentHead = 8 + 4;
constexpr std::size_t kRequest = 8 + 4 + 1 + 1 + 4 + 2 + 1 + 4 + 8;

template <typename T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

class Writer {
 public:
  explicit Writer(std::size_t size) { bytes_.reserve(size); }

  template <Number T>
  void put(T value) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(&value);
    bytes_.insert(bytes_.end(), at, at + sizeof value);
  }
  void put(RemoteAddr address) { put(address.value); }
  void put(const std::vector<Segment>& segments) {
    put(static_cast<std::uint32_t>(segments.size()));
    for (const Segment& segment : segments) {
      put(segment.at);
      put(static_cast<std::uint32_t>(segment.bytes.size()));
      bytes_.insert(bytes_.end(), segment.bytes.begin(), segment.bytes.end());
    }
  }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

class Reader {
 public:
  explicit Reader(Bytes bytes) : left_(bytes) {}

  template <Number T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  RemoteAddr address() { return {get<std::uint64_t>()}; }
  // An enumerator up to `last`.
  template <typename E>
  E choice(E last) {
    const auto value = get<std::uint8_t>();
    if (value > static_cast<std::uint8_t>(last))
      throw ProtocolError("call: unknown kind of output");
    return static_cast<E>(value);
  }
  // How many items follow; each takes at least `least` bytes, so memory stays within the frame's.
  std::uint32_t count(std::size_t least) {
    const auto n = get<std::uint32_t>();
    if (n > kMaxSegments || n > left_.size() / least) {
      throw ProtocolError("call: more segments announced than sent or allowed");
    }
    return n;
  }
  // A stretch of memory that exists: not across the end of the address space.
  void check(RemoteAddr at, std::uint32_t size) {
    total_ += size;
    if (total_ > kMaxCallData) throw ProtocolError("call: more data than one call may carry");
    if (at.value + size < at.value)
      throw ProtocolError("call: a segment wraps round the address space");
  }
  void restart_total() { total_ = 0; }
  std::vector<Segment> segments() {
    restart_total();
    std::vector<Segment> all;
    const auto n = count(kSegmentHead);
    all.reserve(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      const RemoteAddr at = address();
      const auto size = get<std::uint32_t>();
      check(at, size);
      const Bytes bytes = take(size);
      all.push_back({at, {bytes.begin(), bytes.end()}});
    }
    return all;
  }
  void end() const {
    if (!left_.empty()) throw ProtocolError("call: bytes after its end");
  }

 private:
  Bytes take(std::size_t size) {
    if (size > left_.size()) throw ProtocolError("call: cut short");
    const Bytes taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }

  Bytes left_;
  std::uint64_t total_ = 0;
};

std::size_t wire_size(const std::vector<Segment>& segments) {
  std::size_t size = 4;
  for (const Segment& segment : segments) size += kSegmentHead + segment.bytes.size();
  return size;
}

OutSegment get_request(Reader& reader) {
  OutSegment out;
  out.at = reader.address();
  out.capacity = reader.get<std::uint32_t>();
  reader.check(out.at, out.capacity);
  out.when = reader.choice(OutSegment::When::always);
  out.length = reader.choice(OutSegment::Length::u64);
  out.min_result = reader.get<std::int32_t>();
  out.unit = reader.get<std::uint16_t>();
  out.extra = reader.get<std::uint8_t>();
  out.skip = reader.get<std::uint32_t>();
  out.length_at = reader.address();
  return out;
}

}  // namespace

std::vector<std::uint8_t> encode(const ForwardedCall& call) {
  const MarshalledCall& c = call.call;
  Writer writer(4 + 8 + 4 + 1 + sizeof c.args + wire_size(c.in) + 4 + c.out.size() * kRequest);
  writer.put(call.tid);
  writer.put(call.cookie);
  writer.put(c.nr);
  writer.put(static_cast<std::uint8_t>(c.may_block));
  for (const std::uint64_t arg : c.args) writer.put(arg);
  writer.put(c.in);
  writer.put(static_cast<std::uint32_t>(c.out.size()));
  for (const OutSegment& out : c.out) {
    writer.put(out.at);
    writer.put(out.capacity);
    writer.put(static_cast<std::uint8_t>(out.when));
    writer.put(static_cast<std::uint8_t>(out.length));
    writer.put(out.min_result);
    writer.put(out.unit);
    writer.put(out.extra);
    writer.put(out.skip);
    writer.put(out.length_at);
  }
  return writer.take();
}

std::vector<std::uint8_t> encode(const CallResult& result) {
  Writer writer(4 + 8 + 8 + 4 + wire_size(result.out));
  writer.put(result.tid);
  writer.put(result.cookie);
  writer.put(result.result);
  writer.put(result.flags);
  writer.put(result.out);
  return writer.take();
}

ForwardedCall decode_call(Bytes body) {
  Reader reader(body);
  ForwardedCall call;
  call.tid = reader.get<std::int32_t>();
  call.cookie = reader.get<std::uint64_t>();
  call.call.nr = reader.get<std::int32_t>();
  const auto may_block = reader.get<std::uint8_t>();
  if (may_block > 1) throw ProtocolError("call: may_block is neither 0 nor 1");
  call.call.may_block = may_block == 1;
  for (std::uint64_t& arg : call.call.args) arg = reader.get<std::uint64_t>();
  call.call.in = reader.segments();
  reader.restart_total();
  const auto requests = reader.count(kRequest);
  call.call.out.reserve(requests);
  for (std::uint32_t i = 0; i < requests; ++i) call.call.out.push_back(get_request(reader));
  reader.end();
  return call;
}

CallResult decode_result(Bytes body) {
  Reader reader(body);
  CallResult result;
  result.tid = reader.get<std::int32_t>();
  result.cookie = reader.get<std::uint64_t>();
  result.result = reader.get<std::int64_t>();
  result.flags = reader.get<std::uint32_t>();
  result.out = reader.segments();
  reader.end();
  return result;
}

}  // namespace starling::migrate
