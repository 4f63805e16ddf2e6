// SPDX-License-Identifier: GPL-2.0-or-later
// Sockets by the deputy.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cstring>

#include "tests/unit/migrate/forwarded_trial.h"

namespace starling::migrate {
namespace {

void make_sockets(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends) != 0) fail_errno("socketpair");
  place(ends[0], kA);
  place(ends[1], kB);
}
void make_datagrams() {
  make_sockets(SOCK_DGRAM);
  for (const char* text : {"one", "three", "seventeen"}) {
    if (::send(kB, text, std::strlen(text), 0) < 0) fail_errno("send");
  }
}
// An abstract name that no other test has.
constexpr socklen_t kNameSize = sizeof(sa_family_t) + 1 + 20;
sockaddr_un own_name() {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "starling-f%010d", ::getpid());
  return name;
}
// A msghdr at 0 with its parts: iovecs at 1000, name at 2000, control at 3000.
std::uint64_t put_message(std::size_t name, std::size_t control) {
  const iovec vectors[] = {vector_of(4000, 2), vector_of(8190, 100)};
  put(1000, vectors);
  msghdr header{};
  header.msg_name = name != 0 ? arena() + 2000 : nullptr;
  header.msg_namelen = static_cast<socklen_t>(name);
  header.msg_iov = reinterpret_cast<iovec*>(arena() + 1000);
  header.msg_iovlen = 2;
  header.msg_control = control != 0 ? arena() + 3000 : nullptr;
  header.msg_controllen = control;
  return put(0, header);
}
std::uint64_t put_messages(int n) {
  for (int i = 0; i < n; ++i) {
    const iovec vectors[] = {vector_of(20000 + u64(i) * 1000, 4),
                             vector_of(30000 + u64(i) * 1000, 100)};
    put(10000 + u64(i) * 32, vectors);
    mmsghdr header{};
    header.msg_hdr.msg_iov = reinterpret_cast<iovec*>(arena() + 10000 + u64(i) * 32);
    header.msg_hdr.msg_iovlen = 2;
    put(u64(i) * sizeof header, header);
  }
  return at(0);
}

std::vector<Trial> trials() {
  std::vector<Trial> all;
  const auto add = [&](Trial trial) { all.push_back(std::move(trial)); };

  const auto bound = [](int type) {
    const sockaddr_un name = own_name();
    place(::socket(AF_UNIX, type | SOCK_NONBLOCK, 0), kA);
    if (::bind(kA, reinterpret_cast<const sockaddr*>(&name), kNameSize) != 0) fail_errno("bind");
    place(::socket(AF_UNIX, type, 0), kB);
  };
  const auto listening = [bound] {
    bound(SOCK_STREAM);
    const sockaddr_un name = own_name();
    if (::listen(kA, 5) != 0) fail_errno("listen");
    if (::connect(kB, reinterpret_cast<const sockaddr*>(&name), kNameSize) != 0)
      fail_errno("connect");
  };
  add({.name = "Bind",
       .nr = SYS_bind,
       .fill =
           [] {
             return CallArgs{kA, put(0, own_name()), kNameSize};
           },
       .before = [] { place(::socket(AF_UNIX, SOCK_STREAM, 0), kA); },
       .after =
           [] {
             sockaddr_un name{};
             socklen_t size = sizeof name;
             ::getsockname(kA, reinterpret_cast<sockaddr*>(&name), &size);
             return std::string(name.sun_path + 1, kNameSize - 3) + std::to_string(size);
           }});
  add({.name = "Getsockname",
       .nr = SYS_getsockname,
       .fill =
           [] {
             return CallArgs{kA, at(10), put(0, socklen_t{110})};
           },
       .before = [bound] { bound(SOCK_STREAM); }});
  add({.name = "GetsocknameShortRoom",
       .nr = SYS_getsockname,
       .fill =
           [] {
             return CallArgs{kA, at(10), put(0, socklen_t{5})};
           },
       .before = [bound] { bound(SOCK_STREAM); }});
  add({.name = "GetsocknameNegativeRoom",
       .nr = SYS_getsockname,
       .fill =
           [] {
             return CallArgs{kA, at(10), put(0, -1)};
           },
       .before = [bound] { bound(SOCK_STREAM); },
       .least = -EINVAL});
  add({.name = "Accept",
       .nr = SYS_accept4,
       .fill =
           [] {
             return CallArgs{kA, at(10), put(0, socklen_t{128}), SOCK_CLOEXEC};
           },
       .before = listening,
       .least = 3});
  add({.name = "AcceptNobody",
       .nr = SYS_accept,
       .fill =
           [] {
             return CallArgs{kA, at(10), put(0, socklen_t{128})};
           },
       .before =
           [bound] {
             bound(SOCK_STREAM);
             ::listen(kA, 1);
           },
       .least = -EAGAIN});
  add({.name = "AcceptWithoutName",
       .nr = SYS_accept,
       .fill =
           [] {
             return CallArgs{kA, 0, 0};
           },
       .before = listening,
       .least = 3});
  add({.name = "Sendto",
       .nr = SYS_sendto,
       .fill =
           [] {
             return CallArgs{kB, put_string(0, "datagram"), 8, 0, put(4090, own_name()), kNameSize};
           },
       .before = [bound] { bound(SOCK_DGRAM); },
       .after = drain_pipe,
       .least = 8});
  add({.name = "Recvfrom",
       .nr = SYS_recvfrom,
       .fill = [] { return CallArgs{kA, at(200), 3, MSG_TRUNC, at(4090), put(0, socklen_t{128})}; },
       .before = make_datagrams,
       .least = 3});
  add({.name = "RecvfromTruncated",
       .nr = SYS_recvfrom,
       .fill = [] { return CallArgs{kA, at(200), 2, MSG_TRUNC, 0, 0}; },
       .before = make_datagrams,
       .least = 3});
  add({.name = "SendmsgWithRights",
       .nr = SYS_sendmsg,
       .fill =
           [] {
             put_string(4000, "ab");
             put_string(8190, std::string(99, 'c'));
             const cmsghdr head{CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS};
             std::memcpy(arena() + 3000, &head, sizeof(size_t) + 8);
             put(3016, int{kA});
             return CallArgs{kB, put_message(0, CMSG_SPACE(4)), 0};
           },
       .before = [] { make_sockets(SOCK_DGRAM); },
       .after =
           [] {
             char text[200], control[64];
             iovec vector{text, sizeof text};
             msghdr header{};
             header.msg_iov = &vector;
             header.msg_iovlen = 1;
             header.msg_control = control;
             header.msg_controllen = sizeof control;
             const ssize_t n = ::recvmsg(kA, &header, MSG_CMSG_CLOEXEC);
             const cmsghdr* rights = CMSG_FIRSTHDR(&header);
             if (rights == nullptr) return std::string("no rights");
             int fd;
             std::memcpy(&fd, CMSG_DATA(rights), 4);
             const bool live = ::fcntl(fd, F_GETFD) >= 0;
             ::close(fd);
             return std::string(text, u64(n)) + (live ? " with a descriptor" : " with none");
           },
       .least = 102});
  const auto with_rights = [] {
    make_sockets(SOCK_DGRAM);
    char text[] = "message";
    iovec vector{text, 7};
    alignas(8) char control[CMSG_SPACE(4)] = {};
    msghdr header{};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    *rights = {CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS};
    const int fd = kB;
    std::memcpy(CMSG_DATA(rights), &fd, 4);
    if (::sendmsg(kB, &header, 0) != 7) fail_errno("sendmsg");
  };
  add({.name = "RecvmsgWithRights",
       .nr = SYS_recvmsg,
       .fill =
           [] {
             return CallArgs{kA, put_message(128, 100), 0};
           },
       .before = with_rights,
       .least = 7,
       .padding = {3020, 3024}});
  add({.name = "RecvmsgWithoutRoomForRights",
       .nr = SYS_recvmsg,
       .fill =
           [] {
             return CallArgs{kA, put_message(128, 10), 0};
           },
       .before = with_rights,
       .least = 7});
  add({.name = "RecvmsgNothing",
       .nr = SYS_recvmsg,
       .fill =
           [] {
             return CallArgs{kA, put_message(128, 100), 0};
           },
       .before = [] { make_sockets(SOCK_DGRAM); },
       .least = -EAGAIN});
  // So that there is a name.
  const auto from_itself = [bound] {
    bound(SOCK_DGRAM);
    const sockaddr_un name = own_name();
    if (::sendto(kA, "self", 4, 0, reinterpret_cast<const sockaddr*>(&name), kNameSize) != 4)
      fail_errno("sendto");
  };
  add({.name = "RecvmsgNamed",
       .nr = SYS_recvmsg,
       .fill =
           [] {
             return CallArgs{kA, put_message(128, 0), 0};
           },
       .before = from_itself,
       .least = 4});
  add({.name = "RecvmsgNamedShortRoom",
       .nr = SYS_recvmsg,
       .fill =
           [] {
             return CallArgs{kA, put_message(9, 0), 0};
           },
       .before = from_itself,
       .least = 4});
  add({.name = "Recvmmsg",
       .nr = SYS_recvmmsg,
       .fill =
           [] {
             return CallArgs{kA, put_messages(5), 5, MSG_DONTWAIT, 0};
           },
       .before = make_datagrams,
       .least = 3});
  add({.name = "Sendmmsg",
       .nr = SYS_sendmmsg,
       .fill =
           [] {
             for (std::size_t i = 0; i < 2; ++i) {
               put_string(20000 + i * 1000, "head");
               put_string(30000 + i * 1000, std::string(100, static_cast<char>('a' + i)));
             }
             return CallArgs{kB, put_messages(2), 2, 0};
           },
       .before = [] { make_sockets(SOCK_DGRAM); },
       .after = [] { return drain_pipe() + drain_pipe(); },
       .least = 2});
  add({.name = "Getsockopt",
       .nr = SYS_getsockopt,
       .fill =
           [] {
             return CallArgs{kA, SOL_SOCKET, SO_TYPE, at(100), put(0, socklen_t{64})};
           },
       .before = make_datagrams});
  add({.name = "GetsockoptBad",
       .nr = SYS_getsockopt,
       .fill =
           [] {
             return CallArgs{kA, SOL_SOCKET, 9999, at(100), put(0, socklen_t{64})};
           },
       .before = make_datagrams,
       .least = -ENOPROTOOPT});
  add({.name = "Setsockopt",
       .nr = SYS_setsockopt,
       .fill =
           [] {
             return CallArgs{kA, SOL_SOCKET, SO_PASSCRED, put(0, int{1}), 4};
           },
       .before = make_datagrams,
       .after =
           [] {
             int value = 0;
             socklen_t size = sizeof value;
             ::getsockopt(kA, SOL_SOCKET, SO_PASSCRED, &value, &size);
             return std::to_string(value);
           }});
  add({.name = "Socketpair", .nr = SYS_socketpair, .fill = [] {
         return CallArgs{AF_UNIX, SOCK_STREAM, 0, at(4094)};
       }});

  return all;
}

INSTANTIATE_TEST_SUITE_P(Sockets, ForwardedTrial, testing::ValuesIn(trials()), trial_name);

}  // namespace
}  // namespace starling::migrate
