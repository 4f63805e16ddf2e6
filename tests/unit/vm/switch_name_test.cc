// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "builder/vm/virtual_switch.h"

namespace starling::vm {
namespace {

TEST(VirtualSwitchName, CarriesItsOwner) {
  EXPECT_EQ(VirtualSwitch::owner_of("starling-vm-1234-1"), 1234);
  for (const char* other : {"", "starling-vm-", "starling-vm-12", "starling-vm-x-1",
                            "starling-vm--5-1", "starling-vm-0-1", "blue"})
    EXPECT_EQ(VirtualSwitch::owner_of(other), 0) << other;
}

}  // namespace
}  // namespace starling::vm
