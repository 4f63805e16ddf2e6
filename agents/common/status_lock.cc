// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/status_lock.h"

#include <fcntl.h>

#include <stdexcept>

#include "agents/common/fail.h"

namespace starling {

static struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

UniqueFd hold_status_lock(const std::filesystem::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) fail_errno(file.string());
  auto lock = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno == EAGAIN || errno == EACCES)
      throw std::runtime_error(file.string() + ": another process of this kind runs already");
    fail_errno(file.string());
  }
  return fd;
}

bool status_lock_held(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  auto lock = whole_file(F_WRLCK);
  return ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace starling
