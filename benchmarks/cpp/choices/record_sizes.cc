// How large records are, how many slots of 64, 128 and 256 bytes they take, and what the same
// record costs without an interned site: decision 002.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "model/record_writer.h"
#include "model/site.h"

namespace forebay::choices {
namespace {

forebay_string text(std::string_view s) { return {s.data(), s.size()}; }

struct Attribute {
  std::string key;
  forebay_value value;
};

forebay_value of(std::string_view s) {
  forebay_value value{};
  value.type = FOREBAY_STRING;
  value.size = static_cast<uint32_t>(s.size());
  value.as.data = s.data();
  return value;
}
forebay_value of(int64_t n) {
  forebay_value value{};
  value.type = FOREBAY_INT64;
  value.as.i64 = n;
  return value;
}
forebay_value of(double d) {
  forebay_value value{};
  value.type = FOREBAY_DOUBLE;
  value.as.f64 = d;
  return value;
}

struct Sizes {
  uint64_t bytes = 0;
  double ns = 0;
};

Sizes measure(const model::RecordInput& input) {
  const uint64_t size = model::measure_record(input);
  std::vector<uint8_t> slot(size + 256);
  std::array<double, 31> times{};
  constexpr int kTimes = 20'000;
  for (double& time : times) {
    const auto from = std::chrono::steady_clock::now();
    for (int i = 0; i < kTimes; ++i) {
      model::write_record(input, static_cast<uint64_t>(i),
                          static_cast<uint32_t>(model::measure_record(input)), slot.data());
      asm volatile("" : : "r"(slot.data()) : "memory");
    }
    time =
        std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - from).count() /
        kTimes;
  }
  std::sort(times.begin(), times.end());
  return {size, times[times.size() / 2]};
}

void compare(const char* name, std::string_view body, const std::vector<Attribute>& attributes) {
  std::vector<forebay_string> keys;
  std::vector<forebay_value> values;
  std::vector<forebay_attribute> named;
  for (const Attribute& a : attributes) {
    keys.push_back(text(a.key));
    values.push_back(a.value);
    named.push_back({a.key.data(), static_cast<uint32_t>(a.key.size()), 0, a.value});
  }
  forebay_site_spec spec{};
  spec.struct_size = sizeof spec;
  spec.severity = 9;
  spec.body = text(body);
  spec.keys = keys.data();
  spec.key_count = static_cast<uint32_t>(keys.size());
  spec.file = text("checkout/api.py");
  spec.function = text("handle");
  const Sizes with_site = measure({.site = model::SiteRegistry::process().intern(spec),
                                   .values = values.data(),
                                   .value_count = static_cast<uint32_t>(values.size()),
                                   .severity = 9});

  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  extra.severity = 9;
  extra.body = of(body);
  const std::string_view file = "checkout/api.py";
  const std::string_view function = "handle";
  named.push_back({"code.file.path", 14, 0, of(file)});
  named.push_back({"code.function.name", 18, 0, of(function)});
  named.push_back({"code.line.number", 16, 0, of(int64_t{42})});
  extra.attributes = named.data();
  extra.attribute_count = static_cast<uint32_t>(named.size());
  const Sizes without = measure({.extra = &extra, .severity = 9});

  const auto slots = [&](uint64_t slot) { return (with_site.bytes + slot - 1) / slot; };
  std::printf(
      "%-26s %6lu B %5lu %5lu %5lu   waste %4lu %4lu %4lu B   %6.1f ns | own %6lu B %6.1f ns\n",
      name, with_site.bytes, slots(64), slots(128), slots(256), slots(64) * 64 - with_site.bytes,
      slots(128) * 128 - with_site.bytes, slots(256) * 256 - with_site.bytes, with_site.ns,
      without.bytes, without.ns);
}

}  // namespace
}  // namespace forebay::choices

int main() {
  using namespace forebay::choices;
  const std::string trace(4096, 'x');
  const std::string agent =
      "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0";
  const std::vector<Attribute> three = {
      {"route", of("/items/search")}, {"status", of(int64_t{200})}, {"elapsed_ms", of(12.5)}};
  std::vector<Attribute> ten = three;
  ten.insert(ten.end(), {{"user_agent", of(agent)},
                         {"bytes", of(int64_t{51'234})},
                         {"ratio", of(0.75)},
                         {"upstream", of("10.0.3.17:8080")},
                         {"attempt", of(int64_t{1})},
                         {"score", of(0.913)},
                         {"tenant", of("acme-production")}});
  std::printf(
      "record, with its site       bytes  slots of 64, 128, 256; wasted; measure and write\n");
  compare("message only", "request finished", {});
  compare("3 attributes", "request finished", three);
  compare("10 attributes", "request finished", ten);
  compare("a stack trace of 4 KiB", "payment failed",
          {{"order_id", of(int64_t{42})},
           {"exception.type", of("KeyError")},
           {"exception.message", of("'order'")},
           {"exception.stacktrace", of(trace)}});
}
