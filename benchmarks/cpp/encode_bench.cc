// What the drain thread does to a record: OTLP, and zstd over a batch of them.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/random.h"
#include "encode/otlp_logs.h"
#include "model/record_writer.h"
#include "model/site.h"

namespace forebay {
namespace {

constexpr size_t kBatchRecords = 8192;

forebay_string text(std::string_view s) { return {s.data(), s.size()}; }

forebay_value text_value(std::string_view s) {
  forebay_value value{};
  value.type = FOREBAY_STRING;
  value.size = static_cast<uint32_t>(s.size());
  value.as.data = s.data();
  return value;
}

forebay_value int_value(int64_t number) {
  forebay_value value{};
  value.type = FOREBAY_INT64;
  value.as.i64 = number;
  return value;
}

forebay_value double_value(double number) {
  forebay_value value{};
  value.type = FOREBAY_DOUBLE;
  value.as.f64 = number;
  return value;
}

// Records of one site as emit leaves them, one behind the other, with values that differ.
class Records {
 public:
  // `own`: keys and values go with the record, as a bridge hands them over, not with the site.
  explicit Records(uint32_t attributes, bool own = false) {
    static constexpr std::array<std::string_view, 10> kKeys = {
        "route", "status",   "elapsed_ms", "user_agent", "bytes",
        "ratio", "upstream", "attempt",    "score",      "tenant"};
    std::vector<forebay_string> keys;
    for (uint32_t i = 0; i < attributes; ++i) keys.push_back(text(kKeys[i]));
    forebay_site_spec spec{};
    spec.struct_size = sizeof spec;
    spec.severity = 9;
    spec.body = text("request finished");
    spec.keys = keys.data();
    spec.key_count = own ? 0 : attributes;
    const model::Site* site = model::SiteRegistry::process().intern(spec);

    static constexpr std::array<std::string_view, 4> kTexts = {"/items", "/items/search",
                                                               "/checkout/payment", "/health"};
    // Random, so that a batch compresses about as well as a service's records do.
    Random random(1);
    for (size_t i = 0; i < kBatchRecords; ++i) {
      std::vector<forebay_value> values;
      for (uint32_t a = 0; a < attributes; ++a) {
        if (a % 3 == 0) values.push_back(text_value(kTexts[random.below(kTexts.size())]));
        if (a % 3 == 1) values.push_back(int_value(static_cast<int64_t>(random.below(100'000))));
        if (a % 3 == 2) values.push_back(double_value(random.unit() * 1000));
      }
      now_ns_ += 2'000 + static_cast<int64_t>(random.below(60'000));
      times_.push_back(WallTime{std::chrono::seconds{1'800'000'000} + Duration{now_ns_}});
      std::vector<forebay_attribute> named;
      for (uint32_t a = 0; own && a < attributes; ++a) {
        named.push_back({kKeys[a].data(), static_cast<uint32_t>(kKeys[a].size()), 0, values[a]});
      }
      forebay_extra extra{};
      extra.struct_size = sizeof extra;
      extra.attributes = named.data();
      extra.attribute_count = static_cast<uint32_t>(named.size());
      const model::RecordInput input{.site = site,
                                     .values = values.data(),
                                     .value_count = own ? 0 : attributes,
                                     .extra = own ? &extra : nullptr,
                                     .scope = 0,
                                     .severity = 9,
                                     .flags = 0};
      const uint64_t size = model::measure_record(input);
      offsets_.push_back(bytes_.size());
      model::write_record(input, i, static_cast<uint32_t>(size), bytes_.reserve(size));
      bytes_.advance(size);
    }
  }
  [[nodiscard]] const uint8_t* at(size_t i) const { return bytes_.data() + offsets_[i]; }
  [[nodiscard]] WallTime time(size_t i) const { return times_[i]; }

 private:
  int64_t now_ns_ = 0;
  std::vector<WallTime> times_;
  ByteBuffer bytes_;
  std::vector<size_t> offsets_;
};

void encode_all(encode::LogEncoder& encoder, const Records& records, ByteBuffer& out) {
  out.clear();
  for (size_t i = 0; i < kBatchRecords; ++i) {
    encoder.append_record(records.at(i), records.time(i), out);
  }
}

void measure_append(benchmark::State& state, const Records& records) {
  encode::LogEncoder encoder;
  ByteBuffer out;
  for (auto _ : state) {
    encode_all(encoder, records, out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  const double done = static_cast<double>(state.iterations()) * kBatchRecords;
  state.counters["per_record"] =
      benchmark::Counter(done, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["bytes"] = static_cast<double>(out.size()) / kBatchRecords;
}

void append_record(benchmark::State& state) {
  measure_append(state, Records(static_cast<uint32_t>(state.range(0))));
}
BENCHMARK(append_record)->Arg(0)->Arg(3)->Arg(10);

void append_record_with_own_keys(benchmark::State& state) {
  measure_append(state, Records(static_cast<uint32_t>(state.range(0)), true));
}
BENCHMARK(append_record_with_own_keys)->Arg(3)->Arg(10);

void encode_and_compress(benchmark::State& state) {
  const Records records(3);
  encode::LogEncoder encoder;
  Compressor compressor;
  ByteBuffer segment;
  ByteBuffer request;
  ByteBuffer body;
  const model::Scope scope{.id = 1, .name = "checkout.api", .version = {}, .attributes = {}};
  model::Resource resource;
  resource.attributes.push_back({"service.name", model::OwnedValue::text("checkout")});
  const auto codec = static_cast<Codec>(state.range(0));
  for (auto _ : state) {
    encode_all(encoder, records, segment);
    const std::array segments = {encode::ScopeSegment{&scope, segment.view()}};
    request.clear();
    encoder.append_request(resource, segments, request);
    body.clear();
    if (!compressor.compress(codec, 1, request.view(), body)) state.SkipWithError("compress");
    benchmark::DoNotOptimize(body.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatchRecords));
  state.counters["smaller"] =
      static_cast<double>(request.size()) / static_cast<double>(body.size());
  state.SetLabel(std::string(codec_name(codec)));
}
BENCHMARK(encode_and_compress)
    ->Arg(static_cast<int>(Codec::kNone))
    ->Arg(static_cast<int>(Codec::kZstd))
    ->Arg(static_cast<int>(Codec::kGzip));

}  // namespace
}  // namespace forebay
