// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/userfaultfd.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "agents/common/fail.h"

// Debian 12's headers are those of Linux 6.1.
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

namespace starling::migrate {
namespace {

constexpr std::uint64_t kEvents = UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
                                  UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP;
constexpr std::uint64_t kTracking =
    UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC;

uffdio_range kernel_range(RemoteRange range) {
  return {range.begin.value, range.size()};
}

// Runs one ioctl that places pages, over borders of VMAs. The kernel wants the whole range within
// one VMA and says ENOENT otherwise, before it has looked at a page; where the borders are only it
// knows, for the process moves them with mprotect(2). So the piece is halved until it fits.
template <typename PlaceOne>
Userfaultfd::Placed place(std::uint64_t size, PlaceOne&& place_one) {
  using Stop = Userfaultfd::Stop;
  Userfaultfd::Placed placed;
  std::uint64_t piece = size;
  while (placed.bytes < size) {
    piece = std::min(piece, size - placed.bytes);
    std::int64_t result = 0;  // bytes placed or a negative errno, as the kernel leaves it
    const int rc = place_one(placed.bytes, piece, result);
    const int error = errno;
    if (rc == 0) {
      placed.bytes += piece;
      piece = size;
      continue;
    }
    if (error == EAGAIN && result > 0) {  // stopped half-way; the next call says why
      placed.bytes += static_cast<std::uint64_t>(result);
      continue;
    }
    if (error == ENOENT && piece > kPage) {
      piece = std::max(kPage, piece / 2 / kPage * kPage);
      continue;
    }
    switch (error) {
      case EEXIST:
        placed.stop = Stop::exists;
        return placed;
      case EAGAIN:
        placed.stop = Stop::changing;
        return placed;
      // EINVAL: the mapping there now is of a kind that cannot have been registered.
      case EINVAL:
      case ENOENT:
        placed.stop = Stop::absent;
        return placed;
      case ESRCH:
        placed.stop = Stop::dead;
        return placed;
      default:
        errno = error;
        fail_errno("placing a page in the body");
    }
  }
  return placed;
}

}  // namespace

Userfaultfd::Userfaultfd(UniqueFd fd) : fd_(std::move(fd)) {
  const int flags = ::fcntl(fd_.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    fail_errno("the userfaultfd");
  }
}

Userfaultfd Userfaultfd::open() {
  UniqueFd fd(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  if (!fd) fail_errno("userfaultfd");
  return Userfaultfd(std::move(fd));
}

void Userfaultfd::handshake() {
  // A refused set of features leaves the descriptor as it was, so the sets are tried in turn
  // (older kernels give no other way to ask without using the descriptor up).
  for (const std::uint64_t features : {kEvents | kTracking, kEvents}) {
    uffdio_api api{UFFD_API, features, 0};
    if (::ioctl(fd_.get(), UFFDIO_API, &api) == 0) {
      features_ = features;
      return;
    }
    if (errno != EINVAL) break;
  }
  fail_errno("the handshake with userfaultfd (UFFDIO_API); it needs CAP_SYS_PTRACE");
}

bool Userfaultfd::tracks_writes() const {
  return (features_ & UFFD_FEATURE_WP_ASYNC) != 0;
}

void Userfaultfd::register_range(RemoteRange range) {
  uffdio_register r{kernel_range(range), UFFDIO_REGISTER_MODE_MISSING, 0};
  if (tracks_writes()) r.mode |= UFFDIO_REGISTER_MODE_WP;
  if (::ioctl(fd_.get(), UFFDIO_REGISTER, &r) != 0) fail_errno("UFFDIO_REGISTER");
}

void Userfaultfd::unregister_range(RemoteRange range) {
  uffdio_range r = kernel_range(range);
  if (::ioctl(fd_.get(), UFFDIO_UNREGISTER, &r) != 0) fail_errno("UFFDIO_UNREGISTER");
}

void Userfaultfd::wake(RemoteRange range) {
  uffdio_range r = kernel_range(range);
  if (::ioctl(fd_.get(), UFFDIO_WAKE, &r) != 0) fail_errno("UFFDIO_WAKE");
}

Userfaultfd::Placed Userfaultfd::copy(RemoteAddr to, Bytes data) {
  return place(data.size(), [&](std::uint64_t offset, std::uint64_t size, std::int64_t& result) {
    uffdio_copy c{to.value + offset, reinterpret_cast<std::uintptr_t>(data.data() + offset), size,
                  tracks_writes() ? UFFDIO_COPY_MODE_WP : 0, 0};
    const int rc = ::ioctl(fd_.get(), UFFDIO_COPY, &c);
    result = c.copy;
    return rc;
  });
}

Userfaultfd::Placed Userfaultfd::zero(RemoteRange range) {
  return place(range.size(), [&](std::uint64_t offset, std::uint64_t size, std::int64_t& result) {
    uffdio_zeropage z{{range.begin.value + offset, size}, 0, 0};
    const int rc = ::ioctl(fd_.get(), UFFDIO_ZEROPAGE, &z);
    result = z.zeropage;
    return rc;
  });
}

std::size_t Userfaultfd::read(std::span<uffd_msg> messages) {
  while (true) {
    const ssize_t n = ::read(fd_.get(), messages.data(), messages.size_bytes());
    if (n >= 0) return static_cast<std::size_t>(n) / sizeof(uffd_msg);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) fail_errno("reading the userfaultfd");
  }
}

}  // namespace starling::migrate
