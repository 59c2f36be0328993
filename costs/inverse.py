"""Questions asked backwards: what must be true for a figure to hold?"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from math import ceil

from costs.curves import Curve, of_price, value
from costs.money import Money
from costs.price import PIECES, Price
from errors import BadInput, CannotTell


def users_for(total: Money, per_user: Money) -> int:
    """How many users must share `total` for each to cost no more than `per_user`."""
    if per_user.amount <= 0:
        raise BadInput(f"no number of users makes one cost {per_user}", hint="name a cost per user above zero")
    (total - per_user)  # refuses two currencies
    return int((total.amount / per_user.amount).to_integral_value(ROUND_CEILING))


def pods_within(budget: Money, fixed: Money, pod: Money) -> int:
    """How many pods a budget buys beside what is fixed; 0 when not even one."""
    left = (budget - fixed).amount
    return max(int((left / pod.amount).to_integral_value(ROUND_FLOOR)), 0) if pod.amount > 0 else 0


def users_for_each_pod(users: int, budget: Money, fixed: Money, pod: Money) -> int | None:
    """How many users one pod must hold for `budget` to carry `users`; None when the budget buys no pod."""
    pods = pods_within(budget, fixed, pod)
    return ceil(users / pods) if pods else None


def conversion_for(cost: Money, users: int, price: Money, fee_percent: Decimal = Decimal(0)) -> Decimal:
    """The share of users that must pay `price` a month to cover `cost`, after a fee on each payment. Above 1: no share does."""
    kept = price * (1 - fee_percent / 100)
    if users < 1 or kept.amount <= 0:
        raise BadInput("a conversion needs users and a price above its fee", hint="--users 1000 --price 20")
    (cost - price)  # refuses two currencies
    return cost.amount / (kept.amount * users)


def price_for(revenue: Money, users: int, conversion: Decimal) -> Money:
    """What each paying user must pay for `revenue` a month."""
    return revenue.per(users * conversion)


def crossover(usage: Price, plan: Price, most: int = 10**15) -> int | None:
    """The first quantity at which `plan` costs no more than `usage`; None when `usage` stays cheaper.

    Raises BadInput for two currencies or two units, CannotTell where one has no price.
    """
    missing = [one.id for one in (usage, plan) if not one.known]
    if missing:
        raise CannotTell(f"no price is known for {' and '.join(missing)}", hint="put it into a book of your own and name it with --book")
    if usage.currency != plan.currency:
        raise BadInput(f"{usage.id} is priced in {usage.currency}, {plan.id} in {plan.currency}", hint="compare prices of one currency")
    units = {one.unit for one in (usage, plan)} - PIECES
    if len(units) > 1:
        raise BadInput(
            f"{usage.id} is paid by {usage.unit}, {plan.id} by {plan.unit}", hint="compare prices of one unit, or with one by the month"
        )
    first, second = _whole(usage), _whole(plan)
    low, high = 0, most
    if value(second, high) > value(first, high):
        return None
    while low < high:
        middle = (low + high) // 2
        if value(second, middle) <= value(first, middle):
            high = middle
        else:
            low = middle + 1
    return low


def _whole(price: Price) -> Curve:
    """A plan with one price costs the same at every quantity."""
    curve = of_price(price)
    if price.unit in PIECES:
        return (type(curve[0])(Fraction(0), curve[0].slope, Fraction(0)),)
    return curve
