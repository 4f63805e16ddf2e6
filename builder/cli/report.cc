// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/cli/report.h"

namespace starling::builder {

void print_error(std::ostream& out, const Error& e) {
  out << "clusterbuild: " << e.what() << "\n";
  auto field = [&](const char* name, const std::string& value) {
    if (!value.empty()) out << "  " << name << value << "\n";
  };
  field("stage:   ", e.stage);
  field("where:   ", e.file.string());
  field("replay:  ", e.command);
  field("log:     ", e.log.string());
  field("try:     ", e.next_step);
  out.flush();
}

}  // namespace starling::builder
