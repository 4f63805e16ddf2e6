// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_answers.h"

#include <cstdlib>
#include <new>

namespace starling::migrate {

void PageAnswers::Free::operator()(std::uint8_t* p) const {
  std::free(p);
}

PageAnswer PageAnswers::receive(std::size_t most) {
  const FrameChannel::Head frame = channel_.receive_head();
  if (frame.type != kPageAnswer) {
    throw ProtocolError("a frame of type " + std::to_string(frame.type) +
                        " instead of a page answer");
  }
  if (frame.size < kAnswerHead) {
    throw ProtocolError("a page answer of " + std::to_string(frame.size) + " bytes");
  }
  head_.resize(kAnswerHead);
  channel_.take(head_);
  const std::size_t size = answer_head_size(head_);
  if (size > frame.size || frame.size - size > most)
    throw ProtocolError("a page answer of " + std::to_string(frame.size) + " bytes");
  head_.resize(size);
  channel_.take(MutableBytes(head_).subspan(kAnswerHead));
  PageAnswer answer = decode_answer_head(head_, frame.size - size);
  if (room_ < frame.size - size) {
    data_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(kPage, frame.size - size)));
    if (!data_) throw std::bad_alloc();
    room_ = frame.size - size;
  }
  const MutableBytes data(data_.get(), frame.size - size);
  channel_.take(data);
  answer.data = data;
  return answer;
}

}  // namespace starling::migrate
