// Figures by name: one value a repeat, told as median, least and most, written as JSON.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace forebay::bench {

// The q-quantile (0..1) by nearest rank. Takes a copy: it sorts. 0 for no values.
double quantile(std::vector<double> values, double q);

class Figures {
 public:
  void add(std::string_view name, double value);
  // A fact about the run that is no figure: which compiler, why a subject is missing.
  void note(std::string_view name, std::string_view text);
  [[nodiscard]] double median(std::string_view name) const;

  // {"figures": {name: {"median": , "min": , "max": , "repeats": }}, "notes": {name: text}}
  [[nodiscard]] std::string json() const;

 private:
  std::map<std::string, std::vector<double>, std::less<>> values_;
  std::map<std::string, std::string, std::less<>> notes_;
};

// Writes to `path`, or to standard output where it is empty. False where that failed.
bool write_json(const Figures& figures, const std::string& path);

}  // namespace forebay::bench
