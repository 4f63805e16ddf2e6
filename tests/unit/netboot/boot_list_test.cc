// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

using ::testing::HasSubstr;

const BootList kList = {"0123456789abcdef",
                        {{"live/vmlinuz", {8'000'000, std::string(64, 'a')}},
                         {"ldlinux.c32", {120'000, std::string(64, '0')}}}};
constexpr SessionKey kKey = {1, 2, 3};

TEST(BootList, IsOpenedByItsFlock) {
  const BootListSeal seal(kKey);
  const auto text = seal.seal(kList);
  EXPECT_EQ(seal.open(text), kList);
  EXPECT_EQ(BootListSeal(kKey).seal(kList), text) << "two nodes seal differently";
  EXPECT_THAT(text, HasSubstr(std::string(64, 'a') + " 8000000 live/vmlinuz\n"));
  EXPECT_EQ(seal.open(seal.seal({"", {}})), (BootList{"", {}}));
}

TEST(BootList, IsOpenedByNobodyElse) {
  const auto text = BootListSeal(kKey).seal(kList);
  EXPECT_THROW(BootListSeal(SessionKey{1, 2, 4}).open(text), std::runtime_error);
}

TEST(BootList, EveryChangedByteAndEveryShorteningIsRefused) {
  const BootListSeal seal(kKey);
  const auto text = seal.seal(kList);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] ^= 1;
    EXPECT_THROW(seal.open(changed), std::runtime_error) << i;
    EXPECT_THROW(seal.open(text.substr(0, i)), std::runtime_error) << i;
  }
  EXPECT_THROW(seal.open(text + "\n"), std::runtime_error);
  EXPECT_THROW(seal.open(text + text), std::runtime_error);
  EXPECT_THROW(seal.open(std::string(kMaxBootList + 1, 'x')), std::runtime_error);
}

// Another member may have another idea of the format.
TEST(ParseBootList, TakesOnlyWhatSealWrites) {
  const std::string head = "starling boot files 1\nimage x\n", sum(64, 'a');
  EXPECT_EQ(parse_boot_list(head + sum + " 5 a\n").files.at("a").size, 5u);
  for (const std::string& bad :
       {std::string(), std::string("starling boot files 2\nimage x\n"),
        std::string("starling boot files 1\n"), std::string("starling boot files 1\nimage a b\n"),
        head + "\n", head + sum + " 5 a", head + sum + " 5\n", head + sum + " 5 \n",
        head + sum + " -5 a\n", head + sum + " 5x a\n", head + sum + " 99999999999999999999 a\n",
        head + sum + " 4294967297 a\n", head + sum + " 5 a b\n",
        head + std::string(63, 'a') + " 5 a\n", head + std::string(64, 'A') + " 5 a\n",
        head + sum + " 5 a\n" + sum + " 5 a\n", head + sum + " 5 " + std::string(129, 'n') + "\n"})
    EXPECT_THROW(parse_boot_list(bad), std::runtime_error) << bad;
}

}  // namespace
}  // namespace starling::netboot
