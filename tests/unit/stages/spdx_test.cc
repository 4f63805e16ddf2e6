// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/spdx.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "builder/core/error.h"

namespace starling::builder {
namespace {

using nlohmann::json;

SpdxDocument sample() {
  SpdxDocument d;
  d.name = "starling-minimal-amd64";
  d.tool = "clusterbuild";
  d.created = 1700000000;
  d.suite = "trixie";
  d.kernel_version = "6.12.1-starling";
  d.packages = {{"libstdc++6", "14.2-1", "amd64", "gcc-14", "14.2-1", "Debian <d@example.org>"},
                {"bash", "1:5.2+x", "amd64", "bash", "5.2", ""}};
  d.files = {{"netboot/live/vmlinuz", "aa", "bb", ""}, {"a.iso", "cc", "dd", ""}};
  d.patches = {{"0001-hpc.patch", "ee", "ff", ""}, {"0000-later.patch", "11", "22", ""}};
  return d;
}

TEST(Spdx, HasWhatTheStandardDemands) {
  const json d = json::parse(spdx_json(sample()));
  EXPECT_EQ(d["spdxVersion"], "SPDX-2.3");
  EXPECT_EQ(d["dataLicense"], "CC0-1.0");
  EXPECT_EQ(d["SPDXID"], "SPDXRef-DOCUMENT");
  EXPECT_EQ(d["creationInfo"]["created"], "2023-11-14T22:13:20Z");
  EXPECT_FALSE(d["documentNamespace"].get<std::string>().empty());
  const std::regex id("SPDXRef-[A-Za-z0-9.-]+");
  std::set<std::string> ids;
  for (const char* kind : {"packages", "files"})
    for (const auto& e : d[kind]) {
      const std::string s = e["SPDXID"];
      EXPECT_TRUE(std::regex_match(s, id)) << s;
      EXPECT_TRUE(ids.insert(s).second) << s << " twice";
    }
  for (const auto& p : d["packages"]) EXPECT_TRUE(p.contains("downloadLocation"));
  for (const auto& f : d["files"]) EXPECT_EQ(f["checksums"][0]["algorithm"], "SHA1");
  for (const auto& r : d["relationships"])
    for (const char* end : {"spdxElementId", "relatedSpdxElement"})
      EXPECT_TRUE(r[end] == "SPDXRef-DOCUMENT" || ids.contains(r[end])) << r;
}

TEST(Spdx, SaysWhatIsInside) {
  const json d = json::parse(spdx_json(sample()));
  std::set<std::string> names;
  for (const auto& p : d["packages"]) names.insert(p["name"]);
  EXPECT_EQ(names, (std::set<std::string>{"starling-minimal-amd64", "linux", "bash", "libstdc++6"}));
  const std::string text = spdx_json(sample());
  EXPECT_NE(text.find("pkg:deb/debian/bash@1%3A5.2%2Bx?arch=amd64&distro=trixie"), std::string::npos);
  int patches = 0;
  for (const auto& r : d["relationships"]) patches += r["relationshipType"] == "PATCH_APPLIED";
  EXPECT_EQ(patches, 2);
}

TEST(Spdx, KeepsThePatchesInOrderOfApplication) {
  const json d = json::parse(spdx_json(sample()));
  std::vector<std::string> names;
  for (const auto& f : d["files"])
    if (f["SPDXID"].get<std::string>().starts_with("SPDXRef-Patch")) names.push_back(f["fileName"]);
  EXPECT_EQ(names, (std::vector<std::string>{"./0001-hpc.patch", "./0000-later.patch"}));
}

TEST(Spdx, SameContentSameBytes) {
  SpdxDocument other = sample();
  std::swap(other.packages[0], other.packages[1]);
  std::swap(other.files[0], other.files[1]);
  EXPECT_EQ(spdx_json(sample()), spdx_json(other));
  other.files[0].sha256 = "changed";
  EXPECT_NE(json::parse(spdx_json(sample()))["documentNamespace"],
            json::parse(spdx_json(other))["documentNamespace"]);
}

TEST(Spdx, SurvivesMaintainersThatAreNotUtf8) {
  SpdxDocument d = sample();
  d.packages[0].supplier = "Mar\xed" "a";
  EXPECT_TRUE(json::accept(spdx_json(d)));
}

TEST(PackageTable, ReadsSixFieldsAndRefusesOthers) {
  const auto p = parse_package_table("bash\t5.2\tamd64\tbash\t5.2\tMe <me@example.org>\nx1\t1\tall\ty\t2\t\n");
  ASSERT_EQ(p.size(), 2u);
  EXPECT_EQ(p[0].supplier, "Me <me@example.org>");
  EXPECT_EQ(p[1].supplier, "");
  EXPECT_THROW(parse_package_table("bash\t5.2\n"), Error);
}

}  // namespace
}  // namespace starling::builder
