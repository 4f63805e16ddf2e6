// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a library is loaded, called and unloaded in a loop
// Group: process
// Links: -ldl
#include <dlfcn.h>

#include "feature.h"

int main(void) {
  while (feature_more()) {
    void* const library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    double (*function)(double);
    *(void**)&function = dlsym(library, "floor");
    CHECK(function != NULL);
    feature_work();
    CHECK(function(3.75) == 3.0);
    CHECK_EQ(dlclose(library), 0);
  }
  return feature_pass();
}
