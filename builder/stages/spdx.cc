// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/spdx.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <sstream>

#include "builder/core/error.h"
#include "builder/core/fingerprint.h"

namespace starling::builder {

using nlohmann::json;

namespace {

// Identifiers are letters, digits, '.' and '-' only; other characters of a Debian name become
// "-xx-" so that libfoo+ and libfoo- stay apart.
std::string spdx_id(std::string_view kind, std::string_view name) {
  std::string out = "SPDXRef-" + std::string(kind) + "-";
  for (char c : name) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
        c == '-') {
      out += c;
    } else {
      constexpr const char* digits = "0123456789abcdef";
      const auto u = static_cast<unsigned char>(c);
      out += {'-', digits[u >> 4], digits[u & 15], '-'};
    }
  }
  return out;
}

std::string iso_time(long seconds) {
  const std::time_t t = seconds;
  std::tm tm{};
  gmtime_r(&t, &tm);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
  return text;
}

// Percent encoding as package URLs want it.
std::string url_part(std::string_view s) {
  std::string out;
  for (char c : s) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      constexpr const char* digits = "0123456789ABCDEF";
      const auto u = static_cast<unsigned char>(c);
      out += {'%', digits[u >> 4], digits[u & 15]};
    }
  }
  return out;
}

json package_json(const SpdxPackage& p, const std::string& suite) {
  return {{"SPDXID", spdx_id("Package", p.name)},
          {"name", p.name},
          {"versionInfo", p.version},
          {"supplier", p.supplier.empty() ? "NOASSERTION" : "Person: " + p.supplier},
          {"downloadLocation", "NOASSERTION"},
          {"filesAnalyzed", false},
          {"licenseConcluded", "NOASSERTION"},
          {"licenseDeclared", "NOASSERTION"},
          {"copyrightText", "NOASSERTION"},
          {"sourceInfo", "built from " + p.source + " " + p.source_version},
          {"externalRefs",
           {{{"referenceCategory", "PACKAGE-MANAGER"},
             {"referenceType", "purl"},
             {"referenceLocator", "pkg:deb/debian/" + url_part(p.name) + "@" + url_part(p.version) +
                                      "?arch=" + url_part(p.architecture) +
                                      "&distro=" + url_part(suite)}}}}};
}

json file_json(const SpdxFile& f, const std::string& kind) {
  json out = {{"SPDXID", spdx_id(kind, f.path)},
              {"fileName", "./" + f.path},
              {"checksums",
               {{{"algorithm", "SHA1"}, {"checksumValue", f.sha1}},
                {{"algorithm", "SHA256"}, {"checksumValue", f.sha256}}}},
              {"licenseConcluded", "NOASSERTION"},
              {"copyrightText", "NOASSERTION"}};
  if (!f.comment.empty()) out["comment"] = f.comment;
  return out;
}

json relation(const std::string& from, const char* type, const std::string& to) {
  return {{"spdxElementId", from}, {"relationshipType", type}, {"relatedSpdxElement", to}};
}

}  // namespace

std::string spdx_json(SpdxDocument d) {
  std::ranges::sort(d.packages, {}, &SpdxPackage::name);
  std::ranges::sort(d.files, {}, &SpdxFile::path);
  const std::string image = "SPDXRef-Image", kernel = "SPDXRef-Kernel";

  json packages = json::array(), files = json::array(), relations = json::array();
  packages.push_back({{"SPDXID", image},
                      {"name", d.name},
                      {"versionInfo", iso_time(d.created)},
                      {"downloadLocation", "NOASSERTION"},
                      {"filesAnalyzed", false},
                      {"primaryPackagePurpose", "OPERATING-SYSTEM"},
                      {"licenseConcluded", "NOASSERTION"},
                      {"licenseDeclared", "NOASSERTION"},
                      {"copyrightText", "NOASSERTION"}});
  packages.push_back({{"SPDXID", kernel},
                      {"name", "linux"},
                      {"versionInfo", d.kernel_version},
                      {"downloadLocation", "NOASSERTION"},
                      {"filesAnalyzed", false},
                      {"licenseConcluded", "GPL-2.0-only"},
                      {"licenseDeclared", "GPL-2.0-only"},
                      {"copyrightText", "NOASSERTION"}});
  relations.push_back(relation("SPDXRef-DOCUMENT", "DESCRIBES", image));
  relations.push_back(relation(image, "CONTAINS", kernel));
  for (const auto& p : d.packages) {
    packages.push_back(package_json(p, d.suite));
    relations.push_back(relation(image, "CONTAINS", spdx_id("Package", p.name)));
  }
  for (const auto& f : d.files) {
    files.push_back(file_json(f, "File"));
    relations.push_back(relation(spdx_id("File", f.path), "GENERATED_FROM", image));
  }
  int number = 0;
  for (const auto& p : d.patches) {
    SpdxFile numbered = p;
    if (numbered.comment.empty())
      numbered.comment = "kernel patch " + std::to_string(++number) + " in order of application";
    files.push_back(file_json(numbered, "Patch"));
    relations.push_back(relation(spdx_id("Patch", p.path), "PATCH_APPLIED", kernel));
  }

  json document = {{"spdxVersion", "SPDX-2.3"},
                   {"dataLicense", "CC0-1.0"},
                   {"SPDXID", "SPDXRef-DOCUMENT"},
                   {"name", d.name},
                   {"creationInfo",
                    {{"created", iso_time(d.created)}, {"creators", {"Tool: " + d.tool}}}},
                   {"packages", packages},
                   {"files", files},
                   {"relationships", relations}};
  const std::string content = sha256_hex(document.dump(-1, ' ', false, json::error_handler_t::replace));
  document["documentNamespace"] = "https://spdx.org/spdxdocs/" + d.name + "-" + content.substr(0, 32);
  return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::vector<SpdxPackage> parse_package_table(std::string_view tsv) {
  std::vector<SpdxPackage> out;
  std::istringstream lines{std::string(tsv)};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    std::vector<std::string> f;
    std::istringstream fields(line + "\t");
    for (std::string field; std::getline(fields, field, '\t');) f.push_back(field);
    if (f.size() != 6) throw Error("unreadable line in the image's package table: " + line);
    out.push_back({f[0], f[1], f[2], f[3], f[4], f[5]});
  }
  return out;
}

}  // namespace starling::builder
