// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/live_build.h"

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/package_list.h"
#include "builder/stages/private_apt.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

// live-build names its own files by absolute path; unpacked elsewhere it must name them there.
void relocate(const fs::path& tree) {
  const std::string prefix = tree.string();
  for (const auto& e : fs::recursive_directory_iterator(tree / "usr")) {
    if (!e.is_regular_file() || e.path().string().find("/usr/share/doc/") != std::string::npos ||
        e.path().string().find("/usr/share/man/") != std::string::npos)
      continue;
    std::string text = read_file(e.path());
    if (text.find('\0') != std::string::npos) continue;
    bool changed = false;
    for (const std::string own : {"/usr/share/live/build", "/usr/lib/live/build"}) {
      for (size_t at = 0; (at = text.find(own, at)) != std::string::npos;
           at += prefix.size() + own.size()) {
        text.insert(at, prefix);
        changed = true;
      }
    }
    if (!changed) continue;
    const auto mode = fs::status(e.path()).permissions();
    write_file(e.path(), text, static_cast<unsigned>(mode) & 07777);
  }
}

// dpkg's path filter: what of each package never reaches the image. Licences always do.
constexpr const char* kDpkgFilter =
    "path-exclude=/usr/share/locale/*\n"
    "path-include=/usr/share/locale/locale.alias\n"
    "path-exclude=/usr/share/doc/*\n"
    "path-include=/usr/share/doc/*/copyright\n"
    "path-include=/usr/share/doc/starling/*\n"
    "path-exclude=/usr/share/info/*\n"
    "path-exclude=/usr/share/lintian/*\n"
    "path-exclude=/usr/share/linda/*\n";
constexpr const char* kNoManPages =
    "path-exclude=/usr/share/man/*\n"
    "path-include=/usr/share/man/man*/mos*\n"
    "path-include=/usr/share/man/man*/starling*\n";

}  // namespace

std::vector<std::string> live_build_options(const Config& config, const std::string& mirror,
                                            const std::string& security) {
  std::vector<std::string> o = {
      "--ignore-system-defaults", "--mode", "debian", "--distribution", config.suite,
      "--architecture", config.arch, "--archive-areas", "main", "--initramfs", "live-boot",
      "--initsystem", "systemd", "--debootstrap-options",
      mirror.starts_with("https:") ? "--variant=minbase --include=ca-certificates"
                                   : "--variant=minbase",
      "--apt-recommends", "false", "--apt-indices", "false", "--apt-source-archives", "false",
      // Kernel, firmware, loaders and the squashfs are stages of their own.
      "--linux-packages", "none", "--firmware-chroot", "false", "--firmware-binary", "false",
      "--memtest", "none", "--debian-installer", "none", "--uefi-secure-boot", "disable",
      "--chroot-filesystem", "none", "--cache", "true", "--cache-packages", "true",
      "--cache-stages", "none", "--backports", "false", "--proposed-updates", "false"};
  for (const char* use : {"bootstrap", "chroot", "binary", "debian-installer"})
    o.insert(o.end(), {std::string("--mirror-") + use, mirror});
  // A mirror somebody chose may be a snapshot or a partial one: only what was asked for.
  const bool whole = config.mirror.empty() && config.suite != "sid" && config.suite != "unstable";
  o.insert(o.end(), {"--updates", whole ? "true" : "false"});
  o.insert(o.end(), {"--security", whole && !security.empty() ? "true" : "false"});
  if (whole && !security.empty())
    o.insert(o.end(), {"--mirror-chroot-security", security, "--mirror-binary-security", security});
  return o;
}

LiveBuild::LiveBuild(StageContext& ctx) : ctx_(ctx) {
  ctx.progress("unpacking live-build");
  const fs::path deb = PrivateApt::of(ctx.config()).download("live-build");
  const fs::path tree = ctx.scratch() / "live-build";
  ctx.command({"dpkg-deb", "-x", deb.string(), tree.string()}).run();
  relocate(tree);
  program_ = tree / "usr/bin";
  work_ = ctx.scratch() / "work";
  fs::create_directories(work_);
  fs::create_directory_symlink(ctx.persistent("live-build-packages-" + ctx.config().suite),
                               work_ / "cache");
}

Command LiveBuild::lb(std::vector<std::string> argv) {
  const char* path = getenv("PATH");
  std::vector<std::string> all = {"unshare", "--mount", "--propagation", "private",
                                  (program_ / "lb").string()};
  all.insert(all.end(), argv.begin(), argv.end());
  return ctx_.command(all)
      .cwd(work_)
      .env("PATH", program_.string() + ":" + (path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"))
      .env("LC_ALL", "C")
      .env("LB_COLOR", "false")
      .env("SOURCE_DATE_EPOCH", std::to_string(ctx_.source_date_epoch()));
}

void LiveBuild::configure() {
  const Config& config = ctx_.config();
  const DebianMirror mirror = PrivateApt::of(config).mirror();
  std::vector<std::string> argv = {"config"};
  for (auto& o : live_build_options(config, mirror.main, mirror.security)) argv.push_back(o);
  lb(argv).run();
  // live-build's default list asks for live-config, whose few useful jobs our overlay has done
  // already and whose boot-time scripts cost seconds.
  fs::remove_all(work_ / "config/package-lists");
  fs::create_directories(work_ / "config/package-lists");
  // What these would remove or make we decide ourselves (clean_tree) or do not have.
  for (const char* hook : {"5050-dracut", "9010-remove-python-pyc"})
    fs::remove(work_ / "config/hooks/normal" / (std::string(hook) + ".hook.chroot"));

  const auto packages = wanted_packages(config);
  std::string list, filter = kDpkgFilter;
  bool manuals = false;
  for (const auto& p : packages) {
    list += p + "\n";
    manuals |= p == "man-db";
  }
  if (!manuals) filter += kNoManPages;
  write_file(work_ / "config/package-lists/starling.list.chroot", list);
  write_file(work_ / "config/includes.chroot_before_packages/etc/dpkg/dpkg.cfg.d/starling", filter);
  if (!config.live_build_config.empty())
    lay_tree(config.live_build_config, work_ / "config", Modes::as_they_are,
             ctx_.source_date_epoch());
}

void LiveBuild::run(const std::string& verb) {
  std::string unknown;
  Command command = lb({verb});
  command.on_line([&](std::string_view line) {
    if (auto name = unknown_package(line)) unknown = *name;
    if (line.starts_with("I: ") || line.starts_with("P: "))
      ctx_.progress(std::string(line.substr(3)));
    else if (line.starts_with("Setting up "))
      ctx_.progress(std::string(line.substr(0, line.find(' ', 11))));
  });
  try {
    command.run();
  } catch (Error& e) {
    if (unknown.empty()) throw;
    Error better("Debian " + ctx_.config().suite + " has no package `" + unknown + "'");
    better.replay(e.command).see_log(e.log);
    if (!ctx_.config().live_build_config.empty()) better.at_file(ctx_.config().live_build_config);
    throw better;
  }
}

}  // namespace starling::builder
