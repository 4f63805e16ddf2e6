// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

#include "builder/core/stage.h"

namespace starling::builder {

// Boot loader programs of the Debian packages isolinux, pxelinux and syslinux-common on this
// machine.
inline constexpr const char* kIsolinux = "/usr/lib/ISOLINUX/isolinux.bin";
inline constexpr const char* kIsohybridMbr = "/usr/lib/ISOLINUX/isohdpfx.bin";
inline constexpr const char* kPxelinux = "/usr/lib/PXELINUX/pxelinux.0";
inline constexpr const char* kSyslinuxModules = "/usr/lib/syslinux/modules/bios";
inline constexpr const char* kGrubModules = "/usr/lib/grub/x86_64-efi";

// Lays the loaders of the netboot tree (no kernel, no image) into `dir`: pxelinux.0, ldlinux.c32,
// pxelinux.cfg/default, grub/grubnetx64.efi, grub/grub.cfg. The ISO carries them too, so that a
// node that booted from it can serve the next one.
void make_netboot_loaders(StageContext& ctx, const std::filesystem::path& dir);

// A UEFI program with the ISO's menu search built in.
void make_grub_for_iso(StageContext& ctx, const std::string& image_id,
                       const std::filesystem::path& efi);

// What both of them read.
void add_boot_files(const Config& config, Fingerprint& fp);

}  // namespace starling::builder
