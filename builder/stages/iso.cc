// SPDX-License-Identifier: GPL-2.0-or-later
// The hybrid ISO. isolinux boots BIOS machines, grub in an EFI system partition UEFI ones; the same
// bytes work on a disc and, with the partition table xorriso adds, on a USB stick.
#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/boot_files.h"
#include "builder/stages/boot_menu.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

// A FAT file system with nothing but EFI/BOOT/BOOTX64.EFI.
void make_efi_partition(StageContext& ctx, const fs::path& efi, const fs::path& image) {
  // Room for the program, the tables and 64 KiB to spare, in whole KiB.
  const auto kib = (fs::file_size(efi) / 1024 / 32 + 3) * 32 + 64;
  const std::string date = std::to_string(ctx.source_date_epoch());
  const auto mtools = [&](std::vector<std::string> argv) {
    ctx.command(std::move(argv)).env("SOURCE_DATE_EPOCH", date).env("TZ", "UTC")
        .env("MTOOLS_SKIP_CHECK", "1").run();
  };
  ctx.command({"mkfs.vfat", "--invariant", "-n", "STARLINGEFI", "-C", image.string(),
               std::to_string(kib)})
      .env("SOURCE_DATE_EPOCH", date)
      .run();
  // The directories come as a tree with fixed dates: made by mmd they would carry today's.
  const fs::path tree = ctx.scratch() / "esp";
  fs::create_directories(tree / "EFI/BOOT");
  fs::copy_file(efi, tree / "EFI/BOOT/BOOTX64.EFI");
  set_times(tree, ctx.source_date_epoch());
  mtools({"mcopy", "-s", "-m", "-i", image.string(), (tree / "EFI").string(), "::"});
}

}  // namespace

std::string iso_name(const Config& config) {
  return "starling-" + profile_name(config) + "-" + config.arch + ".iso";
}

std::vector<std::string> IsoStage::needs(const Config&) const { return {"squashfs"}; }

void IsoStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", "1");
  fp.add("name", iso_name(config));
  fp.add("volume-label", config.volume_label);
  fp.add_tree("iso", config.source_dir / "iso/root");
  add_boot_files(config, fp);
  for (const char* tool : {"xorriso", "mkfs.vfat", "mcopy"}) add_tool(fp, tool);
}

void IsoStage::run(StageContext& ctx) const {
  const Config& config = ctx.config();
  const fs::path live = ctx.result_of("squashfs") / "live";
  const fs::path tree = ctx.scratch() / "tree";
  const std::string image_id = sha256_file(live / "filesystem.squashfs").substr(0, 16);

  ctx.progress("boot loaders");
  lay_tree(config.source_dir / "iso/root", tree, Modes::from_git, ctx.source_date_epoch());
  for (const char* file : {"vmlinuz", "initrd", "filesystem.squashfs", "filesystem.packages"})
    link_or_copy(live / file, tree / "live" / file);
  write_file(tree / ".disk/info", "Starling " + profile_name(config) + " " + config.arch + ", flock " +
                                      config.flock + ", image " + image_id + "\n");
  write_file(tree / ".disk/id" / image_id, image_id + "\n");

  fs::create_directories(tree / "isolinux");
  fs::copy_file(kIsolinux, tree / "isolinux/isolinux.bin");
  for (const char* module : {"ldlinux.c32", "menu.c32", "libutil.c32"})
    fs::copy_file(fs::path(kSyslinuxModules) / module, tree / "isolinux" / module);
  write_file(tree / "isolinux/isolinux.cfg", isolinux_config(config));

  write_file(tree / "boot/grub/grub.cfg", grub_config(config));
  // Also as plain files: a stick someone formats and copies the files to boots under UEFI too.
  make_grub_for_iso(ctx, image_id, tree / "EFI/BOOT/BOOTX64.EFI");
  make_efi_partition(ctx, tree / "EFI/BOOT/BOOTX64.EFI", tree / "boot/grub/efi.img");
  make_netboot_loaders(ctx, tree / "netboot");

  ctx.progress("xorriso");
  // Volume and GPT identifiers follow from SOURCE_DATE_EPOCH. Files that are hard links into the
  // cache have the dates of their making, hence set_all_file_dates.
  const fs::path iso = ctx.output() / iso_name(config);
  ctx.command({"xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-joliet-long", "-uid", "0", "-gid",
               "0", "-V", config.volume_label, "-A", "Starling", "-publisher", "Starling",
               "--set_all_file_dates", "=" + std::to_string(ctx.source_date_epoch()),
               "-isohybrid-mbr", kIsohybridMbr, "-partition_offset", "16",
               "-c", "isolinux/boot.cat", "-b", "isolinux/isolinux.bin", "-no-emul-boot",
               "-boot-load-size", "4", "-boot-info-table",
               "-eltorito-alt-boot", "-e", "boot/grub/efi.img", "-no-emul-boot",
               "-isohybrid-gpt-basdat", "-o", iso.string(), tree.string()})
      .env("SOURCE_DATE_EPOCH", std::to_string(ctx.source_date_epoch()))
      .env("TZ", "UTC")
      .run();
}

}  // namespace starling::builder
