// The arguments that all programs of the benchmarks take.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

namespace forebay::bench {

struct ProgramOptions {
  std::string json;  // --json FILE; empty: standard output
  int repeats = 5;   // --repeats N, at least 1
  std::string part;  // --part NAME, where a program has parts; empty: all

  static ProgramOptions from(int argc, char** argv) {
    ProgramOptions options;
    for (int i = 1; i + 1 < argc; i += 2) {
      const std::string_view flag = argv[i];
      if (flag == "--json") options.json = argv[i + 1];
      if (flag == "--repeats") options.repeats = std::max(1, std::atoi(argv[i + 1]));
      if (flag == "--part") options.part = argv[i + 1];
    }
    return options;
  }
};

}  // namespace forebay::bench
