// SPDX-License-Identifier: GPL-2.0-or-later
#include <fstream>
#include <nlohmann/json.hpp>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/kernel_patches.h"
#include "builder/stages/kernel_stages.h"
#include "builder/stages/private_apt.h"

namespace fs = std::filesystem;

namespace starling::builder {

namespace {

// Changes whenever run() would make something else of the same inputs.
constexpr const char* kRecipe = "1";

// Debian's linux-source depends on the source of the suite's kernel, e.g. linux-source-6.12.
std::string source_package(const PrivateApt& apt) {
  for (const auto& name : apt.depends("linux-source"))
    if (name.starts_with("linux-source-")) return name;
  throw Error("Debian's linux-source names no kernel source package");
}

void apply(StageContext& ctx, const fs::path& tree, const std::vector<fs::path>& patches,
           size_t index, const fs::path& deb, const std::string& tarball) {
  const fs::path& patch = patches[index];
  std::string output;
  Command command = ctx.command({"patch", "-p1", "-F0", "-N", "--no-backup-if-mismatch", "-r", "-",
                                 "-i", patch.string()});
  command.cwd(tree).env("LC_ALL", "C").on_line([&](std::string_view line) {
    output.append(line).append("\n");
  });
  if (command.status() == 0) return;

  // The tree is gone when this is read: the line makes another.
  std::string replay = "d=$(mktemp -d) && dpkg-deb --fsys-tarfile " + shell_quote(deb.string()) +
                       " | tar xO ./" + tarball + " | tar xJ -C $d --strip-components=1 && cd $d";
  for (size_t i = 0; i <= index; ++i)
    replay += " && patch -p1 -F0 -i " + shell_quote(patches[i].string());
  const PatchFailure failure = parse_patch_output(output);
  throw Error("the patch " + patch.filename().string() + " does not apply" +
              (failure.file.empty() ? "" : " to " + failure.file) +
              (failure.hunk.empty() ? "" : ": " + failure.hunk))
      .at_file(patch)
      .replay(replay)
      .hint("bring the patch up to date with this kernel source; fuzz is not accepted");
}

}  // namespace

void KernelSourceStage::prepare(const Config& config) const {
  PrivateApt apt = PrivateApt::of(config);
  apt.update();
  if (config.kernel == KernelKind::patched) apt.version(source_package(apt));
}

void KernelSourceStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", kRecipe);
  const PrivateApt apt = PrivateApt::of(config);
  if (apt.ready()) {
    const std::string package = source_package(apt);
    fp.add("source package", package + " " + apt.version(package));
  } else {
    fp.add("source package", "not known before the mirror is asked");
  }
  std::string order;
  for (const auto& patch : kernel_patches(config)) {
    fp.add_file("patch " + patch.filename().string(), patch);
    order += patch.filename().string() + " ";
  }
  fp.add("order of patches", order);
}

void KernelSourceStage::run(StageContext& ctx) const {
  const Config& config = ctx.config();
  const PrivateApt apt = PrivateApt::of(config);
  const std::string package = source_package(apt);
  const std::string version = apt.version(package);

  ctx.progress("fetching " + package + " " + version, 0);
  const fs::path deb = apt.download(package);

  ctx.progress("unpacking " + package + " " + version, 0.1);
  const fs::path unpacked = ctx.scratch() / "deb";
  ctx.command({"dpkg-deb", "-x", deb.string(), unpacked.string()}).run();
  const std::string tarball = "usr/src/" + package + ".tar.xz";
  const fs::path tree = ctx.output() / "linux";
  fs::create_directories(tree);
  ctx.command({"tar", "xf", (unpacked / tarball).string(), "-C", tree.string(),
               "--strip-components=1", "--no-same-owner"})
      .run();

  nlohmann::json patches = nlohmann::json::array();
  const std::vector<fs::path> files = kernel_patches(config);
  for (size_t i = 0; i < files.size(); ++i) {
    ctx.progress("applying " + files[i].filename().string(), 0.9);
    apply(ctx, tree, files, i, deb, tarball);
    patches.push_back({{"name", files[i].filename().string()}, {"sha256", sha256_file(files[i])}});
  }

  const fs::path changelog = unpacked / "usr/share/doc" / package / "changelog.Debian";
  ctx.command({"gunzip", changelog.string() + ".gz"}).run();
  const std::string date =
      ctx.command({"dpkg-parsechangelog", "-l", changelog.string(), "-S", "Timestamp"}).capture();

  std::ofstream out(ctx.output() / "source.json");
  out << nlohmann::json({{"package", package},
                         {"version", version},
                         {"date", std::stol(date)},
                         {"patches", patches}})
             .dump(2)
      << "\n";
  if (!out.flush()) throw Error("cannot write source.json").at_file(ctx.output() / "source.json");
}

}  // namespace starling::builder
