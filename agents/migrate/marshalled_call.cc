// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/marshalled_call.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "agents/migrate/syscall_cases.h"

namespace starling::migrate {
namespace {

using When = OutSegment::When;
using Length = OutSegment::Length;

// Offsets in the kernel's structures, x86-64: struct iovec, user_msghdr, mmsghdr.
constexpr std::uint64_t kIovec = 16;
constexpr std::uint64_t kMsghdr = 56, kMmsghdr = 64, kMsgLen = 56;
constexpr std::uint64_t kNameLen = 8, kIov = 16, kIovLen = 24, kControl = 32, kControlLen = 40;
constexpr std::uint64_t kCloneArgsFirst = 64, kCloneArgs = 88;  // the first version, and the last
constexpr std::uint64_t kMaxIovecs = 1024;   // UIO_MAXIOV; more: the kernel refuses
constexpr std::uint64_t kMaxSockaddr = 128;  // struct sockaddr_storage

template <typename T>
T load(Bytes bytes, std::uint64_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// How the length of received data is told, and for which message of several.
struct Received {
  Length length = Length::result;
  RemoteAddr length_at;
  std::int32_t min_result = 0;
};

// Fills one MarshalledCall, argument by argument; gives up at the first reason to go home.
class Marshaller {
 public:
  Marshaller(MarshalledCall& call, const CallContext& context, MemoryReader& body)
      : call_(call), context_(context), body_(body) {}

  void argument(std::size_t index, const Arg& arg);

 private:
  void go_home(std::string why) {
    if (!call_.needs_home()) call_.home_reason = std::move(why);
  }
  void bad_address(RemoteAddr at) {
    char text[80];
    std::snprintf(text, sizeof text, "bad address 0x%llx among the arguments",
                  static_cast<unsigned long long>(at.value));
    go_home(text);
  }
  // The bytes of an argument with its count; nothing when there is none, or the kernel will refuse
  // the count, or the process goes home.
  std::optional<std::uint64_t> size_of(const Arg& arg);
  std::optional<Bytes> copy_in(RemoteAddr at, std::uint64_t size);
  void give_out(OutSegment out, std::uint64_t capacity);
  void text(RemoteAddr at, const Arg& arg);
  void value_result(RemoteAddr at, const Arg& arg);
  void iovecs(RemoteAddr at, std::uint64_t count, bool filled, const Received& received);
  void message(RemoteAddr at, Bytes header, bool filled, const Received& received);
  void messages(RemoteAddr at, const Arg& arg, bool filled);
  void thread_args(RemoteAddr at, const Arg& arg);

  MarshalledCall& call_;
  const CallContext& context_;
  MemoryReader& body_;
  std::uint64_t in_bytes_ = 0;
  std::uint64_t out_bytes_ = 0;
};

std::optional<std::uint64_t> Marshaller::size_of(const Arg& arg) {
  if (arg.count < 0) return arg.size;
  std::uint64_t count = call_.args[static_cast<std::size_t>(arg.count)];
  if (arg.count_is_int) {
    const auto n = static_cast<std::int32_t>(count);
    if (n < 0) return std::nullopt;
    count = static_cast<std::uint64_t>(n);
  }
  if (count > kMaxCallData) {
    go_home("more than 16 MiB at once");
    return std::nullopt;
  }
  return count * arg.size + arg.extra;
}

std::optional<Bytes> Marshaller::copy_in(RemoteAddr at, std::uint64_t size) {
  if (call_.needs_home()) return std::nullopt;
  if (size > kMaxCallData - in_bytes_ || call_.in.size() == kMaxSegments) {
    go_home("more than 16 MiB at once");
    return std::nullopt;
  }
  std::vector<std::uint8_t> bytes(size);
  if (body_.read(at, bytes) != size) {
    bad_address(at);
    return std::nullopt;
  }
  in_bytes_ += size;
  if (size != 0) call_.in.push_back({at, std::move(bytes)});
  return size != 0 ? Bytes(call_.in.back().bytes) : Bytes();
}

void Marshaller::give_out(OutSegment out, std::uint64_t capacity) {
  if (call_.needs_home() || capacity == 0) return;
  if (capacity > kMaxCallData - out_bytes_ || call_.out.size() == kMaxSegments) {
    return go_home("more than 16 MiB at once");
  }
  if (out.at.value + capacity < out.at.value || !body_.writable({out.at, out.at + capacity})) {
    return bad_address(out.at);
  }
  out.capacity = static_cast<std::uint32_t>(capacity);
  out_bytes_ += capacity;
  call_.out.push_back(out);
}

// Page by page, so that nothing beyond the NUL needs to be there.
void Marshaller::text(RemoteAddr at, const Arg& arg) {
  std::vector<std::uint8_t> bytes;
  while (bytes.size() < arg.size) {
    const RemoteAddr from = at + bytes.size();
    const std::uint64_t piece = std::min({arg.size - bytes.size(), kPage - (from - from.page()),
                                          std::uint64_t{bytes.empty() ? 256U : 4096U}});
    const std::size_t had = bytes.size();
    bytes.resize(had + piece);
    if (body_.read(from, MutableBytes(bytes).subspan(had)) != piece) return bad_address(from);
    const auto nul = std::find(bytes.begin() + static_cast<std::ptrdiff_t>(had), bytes.end(), 0);
    if (nul != bytes.end()) {
      bytes.erase(nul + 1, bytes.end());
      break;
    }
  }
  if (arg.kind == ArgKind::open_path) {
    const std::string_view path(reinterpret_cast<const char*>(bytes.data()), bytes.size() - 1);
    if (shows_own_process(path, context_.pid)) {
      return go_home("opens its own entry in /proc, which would be the deputy's");
    }
  }
  in_bytes_ += bytes.size();
  call_.in.push_back({at, std::move(bytes)});
}

void Marshaller::value_result(RemoteAddr at, const Arg& arg) {
  const RemoteAddr length_at{call_.args[static_cast<std::size_t>(arg.count)]};
  if (length_at.null()) return;
  std::array<std::uint8_t, 4> bytes;
  if (body_.read(length_at, bytes) != bytes.size()) return bad_address(length_at);
  const auto room = load<std::int32_t>(bytes, 0);
  if (room <= 0) return;
  const std::uint64_t most = arg.size != 0 ? arg.size : ~0ULL;
  give_out({.at = at, .length = Length::u32, .length_at = length_at},
           std::min<std::uint64_t>(static_cast<std::uint32_t>(room), most));
}

void Marshaller::iovecs(RemoteAddr at, std::uint64_t count, bool filled, const Received& received) {
  if (count == 0 || count > kMaxIovecs) return;
  const auto copied = copy_in(at, count * kIovec);
  if (!copied) return;
  // copy_in below moves the vector that `copied` lies in, not the bytes.
  const Bytes array = *copied;
  std::uint64_t skip = 0;
  for (std::uint64_t i = 0; i < count && !call_.needs_home(); ++i) {
    const RemoteAddr base{load<std::uint64_t>(array, i * kIovec)};
    const auto length = load<std::uint64_t>(array, i * kIovec + 8);
    if (length == 0) continue;
    if (!filled) {
      copy_in(base, length);
    } else {
      give_out({.at = base,
                .length = received.length,
                .min_result = received.min_result,
                .skip = static_cast<std::uint32_t>(skip),
                .length_at = received.length_at},
               length);
      skip += length;  // within 16 MiB, or it goes home
    }
  }
}

void Marshaller::message(RemoteAddr at, Bytes header, bool filled, const Received& received) {
  const RemoteAddr name{load<std::uint64_t>(header, 0)};
  const auto name_length = load<std::int32_t>(header, kNameLen);
  const RemoteAddr control{load<std::uint64_t>(header, kControl)};
  const auto control_length = load<std::uint64_t>(header, kControlLen);
  const RemoteAddr iov{load<std::uint64_t>(header, kIov)};
  const auto iov_length = load<std::uint64_t>(header, kIovLen);
  if (!name.null() && name_length > 0) {
    const auto room = std::min(static_cast<std::uint64_t>(name_length), kMaxSockaddr);
    if (!filled) {
      copy_in(name, room);
    } else {
      give_out({.at = name,
                .length = Length::u32,
                .min_result = received.min_result,
                .length_at = at + kNameLen},
               room);
    }
  }
  iovecs(iov, iov_length, filled, received);
  if (!control.null() && control_length > 0) {
    if (!filled) {
      copy_in(control, control_length);
    } else {
      give_out({.at = control,
                .length = Length::u64,
                .min_result = received.min_result,
                .length_at = at + kControlLen},
               control_length);
    }
  }
  if (filled) {
    give_out({.at = at + kNameLen, .min_result = received.min_result}, 4);
    give_out({.at = at + kControlLen, .min_result = received.min_result}, 12);  // and msg_flags
  }
}

void Marshaller::messages(RemoteAddr at, const Arg& arg, bool filled) {
  const std::uint64_t count = std::min<std::uint64_t>(
      static_cast<std::uint32_t>(call_.args[static_cast<std::size_t>(arg.count)]), kMaxIovecs);
  const auto array = copy_in(at, count * kMmsghdr);
  if (!array) return;
  const Bytes headers = *array;
  for (std::uint64_t i = 0; i < count && !call_.needs_home(); ++i) {
    const RemoteAddr header = at + i * kMmsghdr;
    const Received received{Length::u32, header + kMsgLen, static_cast<std::int32_t>(i + 1)};
    message(header, headers.subspan(i * kMmsghdr, kMsghdr), filled, received);
    give_out({.at = header + kMsgLen, .min_result = received.min_result}, 4);
  }
}

// struct clone_args, clone3(2). Nothing of it is for home.
void Marshaller::thread_args(RemoteAddr at, const Arg& arg) {
  constexpr std::size_t kFlags = 0, kExitSignal = 32, kSetTidSize = 72;
  const auto size = size_of(arg);
  if (!size || *size < kCloneArgsFirst || *size > kCloneArgs) return go_home("not a thread's");
  std::array<std::uint8_t, kCloneArgs> bytes{};
  if (body_.read(at, MutableBytes(bytes).first(*size)) != *size) return bad_address(at);
  const bool of_thread =
      (load<std::uint64_t>(bytes, kFlags) & cases::kThreadFlagsMask) == cases::kThreadFlags &&
      load<std::uint64_t>(bytes, kExitSignal) == 0 && load<std::uint64_t>(bytes, kSetTidSize) == 0;
  if (!of_thread) go_home("makes a process, or a thread of an unusual kind");
}

void Marshaller::argument(std::size_t index, const Arg& arg) {
  const RemoteAddr at{call_.args[index]};
  if (arg.kind == ArgKind::thread_args) return thread_args(at, arg);
  if (arg.kind == ArgKind::none || at.null()) return;
  switch (arg.kind) {
    case ArgKind::none:
      return;
    case ArgKind::string:
    case ArgKind::path:
    case ArgKind::open_path:
      return text(at, arg);
    case ArgKind::in:
      if (const auto size = size_of(arg)) copy_in(at, *size);
      return;
    case ArgKind::out:
      if (const auto size = size_of(arg)) give_out({.at = at, .min_result = arg.min_result}, *size);
      return;
    case ArgKind::out_result:
      if (const auto size = size_of(arg)) {
        give_out({.at = at,
                  .length = Length::result,
                  .min_result = arg.min_result,
                  .unit = arg.size,
                  .extra = arg.extra},
                 *size);
      }
      return;
    case ArgKind::inout:
    case ArgKind::pollfds:
    case ArgKind::remainder:
    case ArgKind::length: {
      const auto size = size_of(arg);
      if (!size || !copy_in(at, *size)) return;
      const When when = arg.kind == ArgKind::pollfds     ? When::not_failed
                        : arg.kind == ArgKind::remainder ? When::interrupted
                        : arg.kind == ArgKind::length    ? When::always
                                                         : When::success;
      return give_out({.at = at, .when = when, .min_result = arg.min_result}, *size);
    }
    case ArgKind::time_left:
      // The kernel forgives a timeout that cannot be written.
      if (copy_in(at, arg.size) && body_.writable({at, at + arg.size})) {
        give_out({.at = at, .when = When::always}, arg.size);
      }
      return;
    case ArgKind::value_result:
      return value_result(at, arg);
    case ArgKind::iov_in:
    case ArgKind::iov_out:
      return iovecs(at, call_.args[static_cast<std::size_t>(arg.count)],
                    arg.kind == ArgKind::iov_out, {});
    case ArgKind::msg_in:
    case ArgKind::msg_out:
      if (const auto copied = copy_in(at, kMsghdr)) {
        const Bytes header = *copied;
        message(at, header, arg.kind == ArgKind::msg_out, {});
      }
      return;
    case ArgKind::mmsg_in:
    case ArgKind::mmsg_out:
      return messages(at, arg, arg.kind == ArgKind::mmsg_out);
    case ArgKind::fd_set: {
      const auto descriptors =
          size_of({.kind = arg.kind, .size = 1, .count = arg.count, .count_is_int = true});
      if (!descriptors) return;
      const std::uint64_t bytes = (*descriptors + 63) / 64 * 8;
      if (copy_in(at, bytes)) give_out({.at = at}, bytes);
      return;
    }
    case ArgKind::mask_pair:
      if (const auto pair = copy_in(at, arg.size); pair && load<std::uint64_t>(*pair, 0) != 0) {
        go_home("waits with a signal mask of its own");
      }
      return;
    case ArgKind::thread_args:
      return;
    case ArgKind::sigevent:
      // sigev_notify follows sigev_value and sigev_signo; SIGEV_THREAD_ID is 4.
      if (const auto event = copy_in(at, arg.size);
          event && (load<std::int32_t>(*event, 12) & 4) != 0) {
        go_home("a timer that signals one thread");
      }
      return;
  }
}

bool interrupted(std::int64_t result) {
  return result == -EINTR || result == -512 || result == -513 || result == -514 || result == -516;
}

bool applies(const OutSegment& out, std::int64_t result) {
  switch (out.when) {
    case When::success:
      return result >= std::max(out.min_result, 0);
    case When::interrupted:
      return interrupted(result);
    case When::not_failed:
      return result >= 0 || interrupted(result);
    case When::always:
      return true;
  }
  return false;
}

template <typename T>
T read_number(MemoryReader& memory, RemoteAddr at) {
  std::array<std::uint8_t, sizeof(T)> bytes;
  if (memory.read(at, bytes) != bytes.size()) {
    throw std::runtime_error("the deputy's memory cannot be read where a call left a length");
  }
  return load<T>(bytes, 0);
}

// How many bytes of the segment were written.
std::uint64_t written(const OutSegment& out, std::int64_t result, MemoryReader& deputy) {
  std::uint64_t length = 0;
  switch (out.length) {
    case Length::whole:
      return out.capacity;
    case Length::result:
      length =
          static_cast<std::uint64_t>(std::clamp<std::int64_t>(result, 0, 1LL << 32)) * out.unit +
          out.extra;
      break;
    case Length::u32:
      length = read_number<std::uint32_t>(deputy, out.length_at);
      break;
    case Length::u64:
      length = read_number<std::uint64_t>(deputy, out.length_at);
      break;
  }
  return length <= out.skip ? 0 : std::min<std::uint64_t>(length - out.skip, out.capacity);
}

}  // namespace

MarshalledCall marshal(std::int32_t nr, const CallArgs& args, const Behaviour& behaviour,
                       const CallContext& context, MemoryReader& body) {
  MarshalledCall call;
  call.nr = nr;
  call.args = args;
  call.may_block = behaviour.may_block;
  if (behaviour.where != CallClass::forwarded && behaviour.where != CallClass::both) {
    call.home_reason = behaviour.why;
    return call;
  }
  Marshaller marshaller(call, context, body);
  for (std::size_t i = 0; i < args.size() && !call.needs_home(); ++i) {
    marshaller.argument(i, behaviour.args[i]);
  }
  if (call.needs_home()) {
    call.in.clear();
    call.out.clear();
  }
  return call;
}

std::vector<Segment> outputs(const MarshalledCall& call, std::int64_t result,
                             MemoryReader& deputy) {
  std::vector<Segment> segments;
  for (const OutSegment& out : call.out) {
    if (!applies(out, result)) continue;
    std::vector<std::uint8_t> bytes(written(out, result, deputy));
    if (bytes.empty()) continue;
    if (deputy.read(out.at, bytes) != bytes.size()) {
      throw std::runtime_error("the deputy's memory cannot be read where a call left its output");
    }
    segments.push_back({out.at, std::move(bytes)});
  }
  return segments;
}

}  // namespace starling::migrate
