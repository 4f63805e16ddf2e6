# SPDX-License-Identifier: GPL-2.0-or-later
# Program: x264 encoding a generated film with two threads
# Package: x264
# Stays: libgcrypt, which it loads, has locked memory
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need x264
  awk -v frames="$(pick 100 1500)" 'BEGIN {
    print "YUV4MPEG2 W160 H120 F25:1 Ip A1:1 C420jpeg"
    for (f = 0; f < frames; ++f) {
      print "FRAME"
      for (y = 0; y < 120; ++y) for (x = 0; x < 160; ++x)
        printf "%c", 33 + int((x * (y + f) / 50 + f * 3) % 90)
      for (i = 0; i < 160 * 120 / 2; ++i) printf "%c", 60 + int((i / 160 + f) % 60)
    }
  }' >in.y4m
  ;;
# Its last line on stderr says how fast it was.
run) exec x264 --log-level error --no-progress --threads 2 --preset veryslow --crf 20 -o out.264 in.y4m 2>/dev/null ;;
esac
