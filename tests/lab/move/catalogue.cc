// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/move/catalogue.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace starling::lab {
namespace {

// The rest of the line after "# KEY: " in the comment block at the head of a script.
std::string field(const std::string& head, const std::string& key) {
  const std::string mark = "\n# " + key + ": ";
  const size_t at = head.find(mark);
  if (at == std::string::npos) return "";
  const size_t begin = at + mark.size();
  return head.substr(begin, head.find('\n', begin) - begin);
}

}  // namespace

std::vector<Program> feature_programs() {
  const std::filesystem::path dir = STARLING_FEATURES_DIR;
  const std::filesystem::path file = dir / "catalogue.tsv";
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file.string() + ": cannot be read: build feature_programs");
  std::vector<Program> programs;
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    Program p;
    std::getline(fields, p.name, '\t');
    std::getline(fields, p.group, '\t');
    std::getline(fields, p.about, '\t');
    std::getline(fields, p.may_stay, '\t');
    if (p.name.empty() || p.group.empty() || p.about.empty()) {
      throw std::runtime_error(file.string() + ": not 'name group about [may stay]': " + line);
    }
    p.binary = dir / p.name;
    programs.push_back(std::move(p));
  }
  return programs;
}

std::vector<Program> real_programs() {
  std::vector<Program> programs;
  for (const auto& entry : std::filesystem::directory_iterator(STARLING_PROGRAMS_DIR)) {
    if (entry.path().extension() != ".sh") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string head = text.str();
    Program p;
    p.name = entry.path().stem();
    p.group = "real";
    p.about = field(head, "Program");
    p.may_stay = field(head, "Stays");
    p.package = field(head, "Package");
    p.soak_only = field(head, "Size") == "soak only";
    p.rig_inside = field(head, "Rig") == "inside";
    p.script = entry.path();
    if (p.about.empty()) {
      throw std::runtime_error(p.script.string() + ": has no '# Program: ' line at its head");
    }
    programs.push_back(std::move(p));
  }
  std::sort(programs.begin(), programs.end(),
            [](const Program& a, const Program& b) { return a.name < b.name; });
  return programs;
}

}  // namespace starling::lab
