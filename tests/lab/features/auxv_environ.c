// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: auxiliary vector, arguments and environment stay where and what they are
// Group: process
#include <sys/auxv.h>

#include "feature.h"

extern char** environ;

static uint64_t all(int argc, char** argv) {
  static const unsigned long types[] = {AT_PAGESZ, AT_PHDR,   AT_PHNUM,       AT_ENTRY,
                                        AT_RANDOM, AT_EXECFN, AT_UID,         AT_SECURE,
                                        AT_HWCAP,  AT_CLKTCK, AT_SYSINFO_EHDR};
  uint64_t hash = kFeatureHash;
  for (unsigned i = 0; i < sizeof types / sizeof *types; ++i) {
    const unsigned long value = getauxval(types[i]);
    hash = feature_hash(hash, &value, sizeof value);
  }
  hash = feature_hash(hash, (const void*)getauxval(AT_RANDOM), 16);
  hash = feature_hash(hash, (const void*)getauxval(AT_EXECFN),
                      strlen((const char*)getauxval(AT_EXECFN)));
  for (int i = 0; i < argc; ++i) hash = feature_hash(hash, argv[i], strlen(argv[i]));
  for (char** e = environ; *e; ++e) hash = feature_hash(hash, *e, strlen(*e));
  return hash;
}

int main(int argc, char** argv) {
  const uint64_t first = all(argc, argv);
  while (feature_more()) {
    feature_work();
    CHECK_EQ(all(argc, argv), first);
    SYS(setenv("FEATURE_TEST", "set", 1));
    CHECK(strcmp(getenv("FEATURE_TEST"), "set") == 0);
    SYS(unsetenv("FEATURE_TEST"));
  }
  return feature_pass();
}
