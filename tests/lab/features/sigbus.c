// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: SIGBUS for a mapped file page beyond the end of the file
// Group: signals
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>

#include "feature.h"

static sigjmp_buf back;
static char* page;

static void on_bus(int n, siginfo_t* info, void* context) {
  (void)n, (void)context;
  CHECK_EQ(info->si_code, BUS_ADRERR);
  CHECK(info->si_addr == page + 4096 + 7);
  siglongjmp(back, 1);
}

int main(void) {
  feature_scratch();
  const int fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
  SYS(ftruncate(fd, 4096));
  feature_handle(SIGBUS, on_bus, 0);
  while (feature_more()) {
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(page != MAP_FAILED);
    feature_work();
    page[7] = 1;
    if (sigsetjmp(back, 1) == 0) {
      *(volatile char*)(page + 4096 + 7) = 1;
      CHECK(false);
    }
    SYS(munmap(page, 8192));
  }
  return feature_pass();
}
