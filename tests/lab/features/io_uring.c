// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: an io_uring answers its no-operations
// Group: ipc
// Stays: it uses io_uring
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "feature.h"

int main(void) {
  struct io_uring_params p;
  memset(&p, 0, sizeof p);
  const int fd = (int)syscall(SYS_io_uring_setup, 8, &p);
  if (fd == -1) feature_skip("io_uring is not allowed");
  const size_t sq_size = p.sq_off.array + p.sq_entries * sizeof(uint32_t);
  const size_t cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
  char* const sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
  char* const cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_CQ_RING);
  struct io_uring_sqe* const sqes = mmap(NULL, p.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE,
                                         MAP_SHARED, fd, IORING_OFF_SQES);
  CHECK(sq != MAP_FAILED && cq != MAP_FAILED && sqes != MAP_FAILED);
  _Atomic uint32_t* const sq_tail = (_Atomic uint32_t*)(void*)(sq + p.sq_off.tail);
  _Atomic uint32_t* const cq_head = (_Atomic uint32_t*)(void*)(cq + p.cq_off.head);
  const uint32_t sq_mask = *(uint32_t*)(void*)(sq + p.sq_off.ring_mask);
  const uint32_t cq_mask = *(uint32_t*)(void*)(cq + p.cq_off.ring_mask);
  const struct io_uring_cqe* const cqes = (const struct io_uring_cqe*)(void*)(cq + p.cq_off.cqes);
  for (uint64_t n = 1; feature_more(); ++n) {
    const uint32_t tail = atomic_load(sq_tail), at = tail & sq_mask;
    memset(&sqes[at], 0, sizeof sqes[at]);
    sqes[at].opcode = IORING_OP_NOP;
    sqes[at].user_data = n;
    ((uint32_t*)(void*)(sq + p.sq_off.array))[at] = at;
    atomic_store(sq_tail, tail + 1);
    CHECK_EQ(syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), 1);
    const uint32_t head = atomic_load(cq_head);
    CHECK_EQ(cqes[head & cq_mask].user_data, n);
    CHECK_EQ(cqes[head & cq_mask].res, 0);
    atomic_store(cq_head, head + 1);
    feature_work();
  }
  return feature_pass();
}
