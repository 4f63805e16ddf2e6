// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/login.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/chroot.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

void write_keys(const fs::path& home, const std::string& keys, uid_t uid, gid_t gid) {
  const fs::path dir = home / ".ssh", file = dir / "authorized_keys";
  fs::create_directories(dir);
  fs::permissions(dir, fs::perms::owner_all);
  write_file(file, keys, 0600);
  for (const auto& p : {dir, file})
    if (lchown(p.c_str(), uid, gid) != 0)
      throw Error("cannot give " + p.string() + " its owner: " + std::strerror(errno));
}

}  // namespace

std::string hosts_file(const std::string& hostname) {
  return "127.0.0.1\tlocalhost\n127.0.1.1\t" + hostname +
         "\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
}

std::string autologin_dropin(const std::string& user, bool serial) {
  return "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin " + user +
         (serial ? " --keep-baud 115200,57600,38400,9600 - ${TERM}\n" : " --noclear - ${TERM}\n");
}

void make_login(StageContext& ctx, const fs::path& root) {
  const Config& config = ctx.config();
  std::string keys;
  for (const auto& key : config.ssh_keys) keys += key + "\n";
  if (!keys.empty()) write_keys(root / "root", keys, 0, 0);
  if (config.user.empty()) return;

  ctx.progress("making the user " + config.user);
  in_chroot(ctx, root, {"useradd", "--create-home", "--shell", "/bin/bash", "--comment", "Starling",
                        "--groups", "sudo", "--password",
                        config.password.empty() ? "*" : config.password, config.user})
      .run();
  struct stat home {};
  const fs::path dir = root / "home" / config.user;
  if (stat(dir.c_str(), &home) != 0)
    throw Error("cannot read " + dir.string() + ": " + std::strerror(errno));
  if (!keys.empty()) write_keys(dir, keys, home.st_uid, home.st_gid);
  if (!config.password.empty()) return;
  // Who has no password can type none for sudo either.
  write_file(root / "etc/sudoers.d/starling", config.user + " ALL=(ALL:ALL) NOPASSWD: ALL\n", 0440);
  write_file(root / "etc/systemd/system/getty@.service.d/autologin.conf",
             autologin_dropin(config.user, false));
  write_file(root / "etc/systemd/system/serial-getty@.service.d/autologin.conf",
             autologin_dropin(config.user, true));
}

}  // namespace starling::builder
