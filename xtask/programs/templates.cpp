// Instantiates the containers of the standard library over many types, and runs them a little.
#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

template <int N>
struct Tag {
    int value = N;
    friend bool operator<(const Tag& a, const Tag& b) { return a.value < b.value; }
};

template <int N>
using Row = std::tuple<Tag<N>, std::string, std::variant<int, std::string, std::vector<Tag<N>>>>;

template <int N>
long fill() {
    std::map<Tag<N>, std::vector<Row<N>>> rows;
    std::unordered_map<std::string, std::shared_ptr<Row<N>>> index;
    for (int i = 0; i < 200; ++i) {
        Row<N> row{Tag<N>{i % 17}, std::string(i % 50, 'x'), std::vector<Tag<N>>(i % 9)};
        index[std::to_string(i % 61)] = std::make_shared<Row<N>>(row);
        rows[std::get<0>(row)].push_back(std::move(row));
    }
    long sum = static_cast<long>(index.size());
    for (auto& [tag, list] : rows) {
        std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return std::get<1>(a) < std::get<1>(b); });
        std::function<long(const Row<N>&)> weigh = [&](const Row<N>& row) {
            return tag.value + static_cast<long>(std::get<1>(row).size() + std::get<2>(row).index());
        };
        for (const auto& row : list) sum += weigh(row);
    }
    return sum;
}

template <int... N>
long fill_all(std::integer_sequence<int, N...>) {
    return (fill<N>() + ...);
}

int main() {
    const std::regex word("([a-z]+)-([0-9]+)");
    const std::string text = "one-1 two-22 three-333";
    for (std::sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at) {
        std::cout << (*at)[1] << ' ' << (*at)[2] << '\n';
    }
    std::cout << fill_all(std::make_integer_sequence<int, 8>()) << '\n';
}
