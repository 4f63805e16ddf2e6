// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace starling::builder {

// What goes into the manifest. Hashes are lower case hex.
struct SpdxPackage {
  std::string name, version, architecture, source, source_version, supplier;
};
struct SpdxFile {
  std::string path;  // relative to the artefacts' directory
  std::string sha256, sha1;
  std::string comment;  // what it is, may be empty
};
struct SpdxDocument {
  std::string name;           // "starling-minimal-amd64"
  std::string tool;           // "clusterbuild 0.1.0"
  long created = 0;           // seconds since the epoch
  std::string suite;          // "trixie", for package URLs
  std::string kernel_version;
  std::vector<SpdxPackage> packages;
  std::vector<SpdxFile> files;    // the artefacts
  std::vector<SpdxFile> patches;  // applied to the kernel, in order
};

// The document as SPDX 2.3 JSON, the same bytes for the same content: the order of packages and
// files follows their names and the name space is derived from the content.
std::string spdx_json(SpdxDocument document);

// The lines of packages.tsv: name, version, architecture, source, source version, maintainer.
// Throws Error at a line with other than six fields.
std::vector<SpdxPackage> parse_package_table(std::string_view tsv);

}  // namespace starling::builder
