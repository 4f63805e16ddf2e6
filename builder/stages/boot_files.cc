// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/boot_files.h"

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/boot_menu.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

// What every one of our grub images can do without reading a module from anywhere.
const std::vector<std::string> kCommon = {
    "all_video", "boot",   "configfile", "echo",   "efi_gop", "efi_uga", "efifwsetup", "gzio",
    "halt",      "linux",  "ls",         "minicmd", "normal",  "reboot",  "serial",     "sleep",
    "terminal",  "test"};
const std::vector<std::string> kDisc = {"fat", "iso9660", "part_gpt", "part_msdos", "search",
                                        "search_fs_file"};
const std::vector<std::string> kNetwork = {"efinet", "http", "net", "tftp"};

// grub-mkimage with its configuration built in: unlike grub-mkstandalone's memory disk, it writes
// the same bytes each time.
void make_grub(StageContext& ctx, const std::string& config_text,
               const std::vector<std::string>& more_modules, const fs::path& efi) {
  const fs::path config = ctx.scratch() / (efi.filename().string() + ".cfg");
  write_file(config, config_text);
  fs::create_directories(efi.parent_path());
  std::vector<std::string> argv = {"grub-mkimage", "-O", "x86_64-efi", "-d", kGrubModules,
                                   "-p",           "/boot/grub", "-c", config.string(), "-o",
                                   efi.string()};
  argv.insert(argv.end(), kCommon.begin(), kCommon.end());
  argv.insert(argv.end(), more_modules.begin(), more_modules.end());
  ctx.command(argv).run();
}

void copy_loader(const fs::path& from, const fs::path& to) {
  if (!fs::exists(from))
    throw Error("the boot loader " + from.string() + " is not on this machine")
        .at_file(from)
        .hint("apt-get install isolinux pxelinux syslinux-common");
  fs::create_directories(to.parent_path());
  fs::copy_file(from, to);
}

}  // namespace

void make_netboot_loaders(StageContext& ctx, const fs::path& dir) {
  copy_loader(kPxelinux, dir / "pxelinux.0");
  copy_loader(fs::path(kSyslinuxModules) / "ldlinux.c32", dir / "ldlinux.c32");
  write_file(dir / "pxelinux.cfg/default", pxelinux_config(ctx.config()));
  write_file(dir / "grub/grub.cfg", grub_netboot_config(ctx.config()));
  make_grub(ctx, grub_netboot_embedded_config(), kNetwork, dir / "grub/grubnetx64.efi");
}

void make_grub_for_iso(StageContext& ctx, const std::string& image_id, const fs::path& efi) {
  make_grub(ctx, grub_embedded_config(image_id), kDisc, efi);
}

void add_boot_files(const Config& config, Fingerprint& fp) {
  for (const char* file : {kIsolinux, kIsohybridMbr, kPxelinux})
    if (fs::exists(file)) fp.add_file(fs::path(file).filename().string(), file);
  for (const char* module : {"ldlinux.c32", "menu.c32", "libutil.c32"})
    if (fs::path p = fs::path(kSyslinuxModules) / module; fs::exists(p)) fp.add_file(module, p);
  for (const auto* list : {&kCommon, &kDisc, &kNetwork})
    for (const auto& module : *list)
      if (fs::path p = fs::path(kGrubModules) / (module + ".mod"); fs::exists(p))
        fp.add_file("grub " + module, p);
  add_tool(fp, "grub-mkimage");
  fp.add("isolinux.cfg", isolinux_config(config));
  fp.add("grub.cfg", grub_config(config));
  fp.add("pxelinux.cfg", pxelinux_config(config));
  fp.add("netboot grub.cfg", grub_netboot_config(config));
  fp.add("embedded grub.cfg", grub_embedded_config("") + grub_netboot_embedded_config());
}

}  // namespace starling::builder
