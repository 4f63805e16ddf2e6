// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// The words that the system call table is written in; for syscall_table.cc and syscall_cases.h.
#include "agents/migrate/syscall_table.h"

namespace starling::migrate::words {

// The kinds that are written by their name alone.
using ArgKind::fd_set;
using ArgKind::iov_in;
using ArgKind::iov_out;
using ArgKind::mask_pair;
using ArgKind::mmsg_in;
using ArgKind::mmsg_out;
using ArgKind::msg_in;
using ArgKind::msg_out;
using ArgKind::out_result;
using ArgKind::pollfds;
using ArgKind::remainder;
using ArgKind::sigevent;
using ArgKind::thread_args;
using ArgKind::time_left;
using ArgKind::value_result;

// What an argument points at. Sizes are those of x86-64.
inline constexpr Arg kValue{};
inline constexpr Arg kPath{.kind = ArgKind::path, .size = 4096};
inline constexpr Arg kOpenPath{.kind = ArgKind::open_path, .size = 4096};
constexpr Arg string(std::uint16_t size) {
  return {.kind = ArgKind::string, .size = size};
}
constexpr Arg in(std::uint16_t size) {
  return {.kind = ArgKind::in, .size = size};
}
constexpr Arg out(std::uint16_t size, std::int8_t min_result = 0) {
  return {.kind = ArgKind::out, .size = size, .min_result = min_result};
}
constexpr Arg inout(std::uint16_t size, std::int8_t min_result = 0) {
  return {.kind = ArgKind::inout, .size = size, .min_result = min_result};
}
// `size` bytes for each that argument `count` tells: a size_t, or an int.
constexpr Arg counted(ArgKind kind, std::int8_t count, std::uint16_t size = 1,
                      std::uint8_t extra = 0) {
  return {.kind = kind, .size = size, .count = count, .extra = extra};
}
constexpr Arg counted_int(ArgKind kind, std::int8_t count, std::uint16_t size = 1) {
  return {.kind = kind, .size = size, .count = count, .count_is_int = true};
}
inline constexpr Arg kLength{.kind = ArgKind::length, .size = 4};
constexpr Arg sockaddr_out(std::int8_t length) {
  return {.kind = ArgKind::value_result, .size = 128, .count = length};
}
constexpr Arg fds(std::int8_t count) {
  return counted_int(ArgKind::fd_set, count);
}
inline constexpr Arg kTime = in(16);  // struct timespec or timeval

// Where a call runs, and why.
using Args = std::array<Arg, 6>;
constexpr Behaviour local(std::string_view why) {
  return {CallClass::local, {}, false, why};
}
constexpr Behaviour home(std::string_view why) {
  return {CallClass::home, {}, false, why};
}
constexpr Behaviour emulated(std::string_view why) {
  return {CallClass::emulated, {}, false, why};
}
constexpr Behaviour forwarded(std::string_view why, const Args& args = {}) {
  return {CallClass::forwarded, args, false, why};
}
constexpr Behaviour both(std::string_view why, const Args& args = {}) {
  return {CallClass::both, args, false, why};
}
// May wait without bound.
constexpr Behaviour waits(std::string_view why, const Args& args = {}) {
  return {CallClass::forwarded, args, true, why};
}

// Tests; all but pointers are 32-bit for the kernel.
constexpr Condition is(std::uint8_t arg, std::uint32_t value) {
  return {Condition::Test::equal, arg, 0xffffffff, value};
}
constexpr Condition masked(std::uint8_t arg, std::uint32_t mask, std::uint32_t value) {
  return {Condition::Test::equal, arg, mask, value};
}
constexpr Condition has(std::uint8_t arg, std::uint32_t bits) {
  return {Condition::Test::differs, arg, bits, 0};
}
constexpr Condition not_null(std::uint8_t arg) {
  return {Condition::Test::differs, arg, ~0ULL, 0};
}
constexpr Condition null(std::uint8_t arg) {
  return {Condition::Test::equal, arg, ~0ULL, 0};
}
constexpr Condition below(std::uint8_t arg, std::uint32_t value) {
  return {Condition::Test::below, arg, 0xffffffff, value};
}
constexpr Condition own_pid(std::uint8_t arg) {
  return {Condition::Test::own_pid, arg, 0, 0};
}
constexpr Condition own_tid(std::uint8_t arg) {
  return {Condition::Test::own_tid, arg, 0, 0};
}
inline constexpr Condition kNoSharedMemory{Condition::Test::no_shared_memory, 0, 0, 0};

// Reasons that many calls share.
inline constexpr std::string_view kFile = "Files, pipes and sockets stay at home.";
inline constexpr std::string_view kName = "Names mean home's files.";
inline constexpr std::string_view kSocket = "The connection ends at home.";
inline constexpr std::string_view kWait = "What is waited for happens at home.";
inline constexpr std::string_view kIdentity = "Who the process is, home knows.";
inline constexpr std::string_view kProcesses = "The other processes are at home.";
inline constexpr std::string_view kTimer =
    "Timers run at home, which sends their signals after the body.";
inline constexpr std::string_view kClockLocal =
    "Every node has the clock; a time namespace keeps it continuous.";
inline constexpr std::string_view kSignalState = "The body keeps its own signal state.";
inline constexpr std::string_view kLayout =
    "Private memory is the body's own; layouts are compared when it comes home.";
inline constexpr std::string_view kQueue = "The queue is an object of home's kernel.";
inline constexpr std::string_view kAdmin = "Changes the machine, or the process's place on it.";
inline constexpr std::string_view kMemoryState =
    "Concerns memory in ways that are not carried between nodes.";
inline constexpr std::string_view kOther =
    "Reaches into other processes or kernel objects by address.";
inline constexpr std::string_view kRare = "Not known to be safe to forward.";
inline constexpr std::string_view kGone = "The kernel has no such call any more.";

}  // namespace starling::migrate::words
