"""`python -m app.jobs.seed`: the initial data. Every row is an upsert by its id, so it may run at every release."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

from pymongo import UpdateOne

from app import passwords
from app.database import Database
from app.parts import now
from app.settings import load

COMPANIES = ("Amazon", "Google", "Microsoft", "Meta", "Flipkart", "Atlassian", "Adobe", "Uber", "Razorpay", "Zoho")
PLANS = (("starter", "Starter", 1999, 1, 1), ("growth", "Growth", 4999, 3, 3), ("pro", "Pro", 8999, 6, 6))
DAYS = 14
HOURS = (10, 14, 18)
# A public stand-in account for load tests; a real platform has none.
ADMIN = ("admin@codementee.io", "stand-in-admin")


def rows(today: datetime.date) -> dict[str, list[dict[str, Any]]]:
    """Collection → documents, each with an `id` that stays the same from run to run."""
    days = [today + datetime.timedelta(days=number) for number in range(DAYS)]
    return {
        "companies": [{"id": f"company-{number}", "name": name} for number, name in enumerate(COMPANIES, 1)],
        "pricing_plans": [
            {"id": key, "name": name, "price_inr": price, "mocks": mocks, "months": months} for key, name, price, mocks, months in PLANS
        ],
        "time_slots": [
            {
                "id": f"slot-{day}-{hour}",
                "date": str(day),
                "time": f"{hour}:00",
                "status": "available",
                "interview_types": ["coding", "system-design"],
            }
            for day in days
            for hour in HOURS
        ],
        "meet_links": [
            {"id": f"meet-{number}", "url": f"https://meet.example/codementee-{number}", "status": "free"} for number in range(1, 6)
        ],
    }


async def main() -> None:
    database = Database(load())
    found = rows(datetime.datetime.now(datetime.UTC).date())
    for collection, documents in found.items():
        await database.write[collection].bulk_write([UpdateOne({"id": one["id"]}, {"$setOnInsert": one}, upsert=True) for one in documents])
    email, password = ADMIN
    if await database.write.users.find_one({"email": email}, {"id": 1}) is None:
        admin = {
            "id": "user-admin",
            "name": "Admin",
            "email": email,
            "password": passwords.hashed(password),
            "role": "admin",
            "status": "active",
        }
        await database.write.users.update_one({"id": admin["id"]}, {"$setOnInsert": {**admin, "created_at": now()}}, upsert=True)
    await database.close()
    print(", ".join(f"{len(documents)} {collection}" for collection, documents in found.items()))


if __name__ == "__main__":
    asyncio.run(main())
