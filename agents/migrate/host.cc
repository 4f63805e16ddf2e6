// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/host.h"

#include <cpuid.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "agents/migrate/process_maps.h"

namespace starling::migrate {
namespace {

struct Leaf {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf leaf(std::uint32_t number, std::uint32_t sub = 0) {
  Leaf l;
  __get_cpuid_count(number, sub, &l.eax, &l.ebx, &l.ecx, &l.edx);
  return l;
}

// Bits that differ between machines without a program being able to tell or to mind: the local
// APIC, the hypervisor, OS-only features.
constexpr std::uint32_t kIgnored1c = 1u << 31 | 1u << 21 | 1u << 24 | 1u << 15 | 1u << 5 | 1u << 6 |
                                     1u << 3 | 1u << 18 | 1u << 17 | 1u << 2 | 1u << 7 | 1u << 8 |
                                     1u << 14 | 1u << 4 | 1u << 11 | 1u << 10;

struct Named {
  std::size_t word;
  std::uint32_t bit;
  const char* name;
};
constexpr Named kNamed[] = {
    {2, 1u << 16, "AVX-512"}, {2, 1u << 5, "AVX2"}, {0, 1u << 28, "AVX"},
    {0, 1u << 12, "FMA"},     {2, 1u << 8, "BMI2"}, {0, 1u << 20, "SSE4.2"},
    {0, 1u << 25, "AES-NI"},  {2, 1u << 29, "SHA"}, {0, 1u << 23, "POPCNT"},
    {2, 1u << 11, "RTM"},
};

}  // namespace

std::int64_t clock_ns(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

std::uint64_t enabled_xfeatures() {
  if ((leaf(1).ecx & 1u << 27) == 0) return 3;  // no OSXSAVE: x87 and SSE
  std::uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

std::vector<std::uint32_t> cpu_features() {
  const Leaf one = leaf(1), seven = leaf(7), seven1 = leaf(7, 1), extended = leaf(0x80000001);
  return {one.ecx & ~kIgnored1c, one.edx,     seven.ebx, seven.ecx, seven.edx, seven1.eax,
          extended.ecx,          extended.edx};
}

std::string vdso_hash() {
  for (const Mapping& m : read_maps(::getpid())) {
    if (m.kind != VmaKind::vdso) continue;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    if (EVP_Digest(reinterpret_cast<const void*>(m.range.begin.value), m.range.size(),
                   digest.data(), &size, EVP_sha256(), nullptr) != 1) {
      throw std::runtime_error("SHA-256 of the vdso failed");
    }
    return {reinterpret_cast<const char*>(digest.data()), size};
  }
  return {};
}

std::string missing_feature(const std::vector<std::uint32_t>& wanted, std::uint64_t xfeatures) {
  const auto here = cpu_features();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::uint32_t missing = wanted[i] & ~(i < here.size() ? here[i] : 0);
    if (missing == 0) continue;
    for (const Named& n : kNamed)
      if (n.word == i && (missing & n.bit) != 0) return n.name;
    return "CPU feature bits " + std::to_string(missing) + " of word " + std::to_string(i);
  }
  if ((xfeatures & ~enabled_xfeatures()) != 0) return "a register set";
  return {};
}

}  // namespace starling::migrate
