// Natural numbers of any size, for the pattern bignum. Every number is a block and no number changes: each
// operation allocates its result, and callers free what they no longer need.
#ifndef BIGNUM_H
#define BIGNUM_H

#include "pattern.h"

struct number {
    uint32_t count;
    // The least significant first; the last is not 0, so that 0 has none.
    uint32_t limbs[];
};

static size_t numbers_made, numbers_live;

static struct number *make_number(size_t count) {
    struct number *number = malloc(sizeof *number + count * sizeof *number->limbs);
    must_have(number, sizeof *number);
    number->count = (uint32_t)count;
    numbers_made++;
    numbers_live++;
    return number;
}

static void drop(struct number *number) {
    numbers_live--;
    free(number);
}

static struct number *trim(struct number *number) {
    while (number->count && number->limbs[number->count - 1] == 0) number->count--;
    return number;
}

static struct number *from_small(uint64_t value) {
    struct number *number = make_number(2);
    number->limbs[0] = (uint32_t)value;
    number->limbs[1] = (uint32_t)(value >> 32);
    return trim(number);
}

static struct number *copy(const struct number *number) {
    struct number *twin = make_number(number->count);
    memcpy(twin->limbs, number->limbs, number->count * sizeof *number->limbs);
    return twin;
}

static int compare(const struct number *one, const struct number *other) {
    if (one->count != other->count) return one->count < other->count ? -1 : 1;
    for (size_t index = one->count; index-- > 0;) {
        uint32_t limb = one->limbs[index], other_limb = other->limbs[index];
        if (limb != other_limb) return limb < other_limb ? -1 : 1;
    }
    return 0;
}

static bool is_one(const struct number *number) {
    return number->count == 1 && number->limbs[0] == 1;
}

static struct number *add(const struct number *one, const struct number *other) {
    size_t count = one->count > other->count ? one->count : other->count;
    struct number *sum = make_number(count + 1);
    uint64_t carry = 0;
    for (size_t index = 0; index < count; index++) {
        carry += (uint64_t)(index < one->count ? one->limbs[index] : 0);
        carry += index < other->count ? other->limbs[index] : 0;
        sum->limbs[index] = (uint32_t)carry;
        carry >>= 32;
    }
    sum->limbs[count] = (uint32_t)carry;
    return trim(sum);
}

// `one` is at least `other`.
static struct number *subtract(const struct number *one, const struct number *other) {
    struct number *difference = make_number(one->count);
    int64_t borrow = 0;
    for (size_t index = 0; index < one->count; index++) {
        borrow += (int64_t)one->limbs[index] - (index < other->count ? other->limbs[index] : 0);
        difference->limbs[index] = (uint32_t)borrow;
        borrow >>= 32;
    }
    if (borrow) fail("a difference is negative");
    return trim(difference);
}

static struct number *multiply(const struct number *one, const struct number *other) {
    struct number *product = make_number(one->count + other->count);
    memset(product->limbs, 0, product->count * sizeof *product->limbs);
    for (size_t low = 0; low < one->count; low++) {
        uint64_t carry = 0;
        for (size_t high = 0; high < other->count; high++) {
            carry += (uint64_t)one->limbs[low] * other->limbs[high] + product->limbs[low + high];
            product->limbs[low + high] = (uint32_t)carry;
            carry >>= 32;
        }
        product->limbs[low + other->count] = (uint32_t)carry;
    }
    return trim(product);
}

static struct number *divide_small(const struct number *number, uint32_t divisor, uint32_t *remainder) {
    struct number *quotient = make_number(number->count);
    uint64_t rest = 0;
    for (size_t index = number->count; index-- > 0;) {
        rest = rest << 32 | number->limbs[index];
        quotient->limbs[index] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    *remainder = (uint32_t)rest;
    return trim(quotient);
}

static struct number *shifted(const struct number *number, unsigned bits) {
    struct number *result = make_number(number->count + 1);
    uint64_t carry = 0;
    for (size_t index = 0; index < number->count; index++) {
        carry |= (uint64_t)number->limbs[index] << bits;
        result->limbs[index] = (uint32_t)carry;
        carry >>= 32;
    }
    result->limbs[number->count] = (uint32_t)carry;
    return result;
}

// Takes `times` times the divisor away from the limbs at `rest`; when that was once too often, gives one
// back.
static uint32_t take_away(uint32_t *rest, const struct number *divisor, size_t count, uint32_t times) {
    uint64_t carry = 0;
    int64_t borrow = 0;
    for (size_t index = 0; index <= count; index++) {
        carry += index < count ? (uint64_t)times * divisor->limbs[index] : 0;
        borrow += (int64_t)rest[index] - (uint32_t)carry;
        rest[index] = (uint32_t)borrow;
        carry >>= 32;
        borrow >>= 32;
    }
    if (borrow == 0) return times;
    carry = 0;
    for (size_t index = 0; index <= count; index++) {
        carry += (uint64_t)rest[index] + (index < count ? divisor->limbs[index] : 0);
        rest[index] = (uint32_t)carry;
        carry >>= 32;
    }
    return times - 1;
}

// Hands a quotient to a caller who wants it.
static void hand_over(struct number *number, struct number **wanted) {
    if (wanted) {
        *wanted = trim(number);
    } else {
        drop(number);
    }
}

// The remainder; the quotient too when asked for. Long division after Knuth's algorithm D.
static struct number *divide(const struct number *number, const struct number *divisor,
                             struct number **quotient) {
    size_t count = divisor->count;
    if (number->count < count) {
        hand_over(from_small(0), quotient);
        return copy(number);
    }
    if (count == 1) {
        uint32_t remainder;
        hand_over(divide_small(number, divisor->limbs[0], &remainder), quotient);
        return from_small(remainder);
    }
    // The divisor's highest bit becomes 1: a guess from its highest limbs is then at most one too high.
    unsigned bits = (unsigned)__builtin_clz(divisor->limbs[count - 1]);
    struct number *rest = shifted(number, bits), *normal = shifted(divisor, bits);
    struct number *result = make_number(number->count - count + 1);
    uint64_t first = normal->limbs[count - 1], second = normal->limbs[count - 2];
    for (size_t place = result->count; place-- > 0;) {
        uint64_t head = (uint64_t)rest->limbs[place + count] << 32 | rest->limbs[place + count - 1];
        uint64_t guess = head / first, left = head % first;
        while (guess >> 32 || guess * second > (left << 32 | rest->limbs[place + count - 2])) {
            guess--;
            left += first;
            if (left >> 32) break;
        }
        result->limbs[place] = take_away(&rest->limbs[place], normal, count, (uint32_t)guess);
    }
    for (size_t index = 0; bits && index < count; index++) {
        rest->limbs[index] = rest->limbs[index] >> bits | rest->limbs[index + 1] << (32 - bits);
    }
    rest->count = (uint32_t)count;
    drop(normal);
    hand_over(result, quotient);
    return trim(rest);
}

static struct number *greatest_divisor(const struct number *one, const struct number *other) {
    struct number *larger = copy(one), *smaller = copy(other);
    while (smaller->count) {
        struct number *rest = divide(larger, smaller, NULL);
        drop(larger);
        larger = smaller;
        smaller = rest;
    }
    drop(smaller);
    return larger;
}

// The greatest number whose square is not above `number`, by Newton's method from above.
static struct number *square_root(const struct number *number) {
    struct number *root = make_number(number->count / 2 + 1);
    memset(root->limbs, 0xFF, root->count * sizeof *root->limbs);
    for (;;) {
        struct number *quotient;
        drop(divide(number, root, &quotient));
        struct number *sum = add(root, quotient);
        drop(quotient);
        uint32_t odd;
        struct number *next = divide_small(sum, 2, &odd);
        drop(sum);
        if (compare(next, root) >= 0) {
            drop(next);
            return root;
        }
        drop(root);
        root = next;
    }
}

#endif
