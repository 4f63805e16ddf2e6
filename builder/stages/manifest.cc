// SPDX-License-Identifier: GPL-2.0-or-later
// What is in the image and what the artefacts' checksums are.
#include <algorithm>
#include <sstream>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/signature.h"
#include "builder/stages/spdx.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

// The patches of kernel-config/patches/series in order, then the config's own.
std::vector<fs::path> kernel_patches(const Config& config) {
  std::vector<fs::path> out;
  if (config.kernel != KernelKind::patched) return out;
  const fs::path dir = config.source_dir / "kernel-config/patches";
  if (fs::exists(dir / "series")) {
    std::istringstream lines(read_file(dir / "series"));
    for (std::string line; std::getline(lines, line);) {
      line.resize(std::min(line.find('#'), line.size()));
      std::istringstream words(line);
      if (std::string name; words >> name) out.push_back(dir / name);
    }
  }
  out.insert(out.end(), config.kernel_patches.begin(), config.kernel_patches.end());
  return out;
}

SpdxFile file_entry(const fs::path& file, const std::string& path) {
  return {path, sha256_file(file), sha1_file(file), ""};
}

}  // namespace

std::vector<std::string> ManifestStage::needs(const Config&) const {
  return {"iso", "netboot", "squashfs", "rootfs-system"};
}

void ManifestStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", "1");
  fp.add("name", iso_name(config));
  fp.add("suite", config.suite);
  for (const auto& patch : kernel_patches(config))
    fp.add_file("patch " + patch.filename().string(), patch);
  if (!config.signing_key.empty())
    fp.add_secret("signing-key", read_file(config.signing_key));
}

void ManifestStage::run(StageContext& ctx) const {
  const Config& config = ctx.config();
  SpdxDocument doc;
  doc.name = fs::path(iso_name(config)).stem().string();
  doc.tool = "clusterbuild";
  doc.created = ctx.source_date_epoch();
  doc.suite = config.suite;
  doc.kernel_version = read_file(ctx.result_of("rootfs-system") / "kernel-version");
  while (!doc.kernel_version.empty() && doc.kernel_version.back() == '\n')
    doc.kernel_version.pop_back();
  doc.packages = parse_package_table(read_file(ctx.result_of("squashfs") / "packages.tsv"));

  ctx.progress("hashing");
  for (const char* stage : {"iso", "netboot"}) {
    const fs::path top = ctx.result_of(stage);
    for (const auto& e : fs::recursive_directory_iterator(top))
      if (e.is_regular_file())
        doc.files.push_back(file_entry(e.path(), fs::relative(e.path(), top).string()));
  }
  for (const auto& patch : kernel_patches(config))
    doc.patches.push_back(file_entry(patch, patch.filename().string()));

  const std::string manifest = spdx_json(doc);
  write_file(ctx.output() / "manifest.spdx.json", manifest);
  auto files = doc.files;
  files.push_back({"manifest.spdx.json", sha256_hex(manifest), "", ""});
  std::ranges::sort(files, {}, &SpdxFile::path);
  std::string sums;
  for (const auto& f : files) sums += f.sha256 + "  " + f.path + "\n";
  write_file(ctx.output() / "SHA256SUMS", sums);
  if (!config.signing_key.empty())
    write_file(ctx.output() / "SHA256SUMS.sig", sign_detached(sums, config.signing_key));
}

}  // namespace starling::builder
