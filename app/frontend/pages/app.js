const view = document.getElementById("view");
const who = document.getElementById("who");
const booking = {};

const api = async (path, body) => {
  const headers = { "content-type": "application/json" };
  const token = sessionStorage.getItem("token");
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(`/api${path}`, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  const data = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(typeof data?.detail === "string" ? data.detail : `error ${answer.status}`);
  return data;
};

const element = (tag, text, attributes = {}) => Object.assign(document.createElement(tag), { textContent: text ?? "" }, attributes);
const show = (...nodes) => view.replaceChildren(...nodes);
const cards = (rows, render) => {
  const list = element("ul", "", { className: "cards" });
  list.append(...rows.map((row) => { const card = element("li", "", { className: "card" }); card.append(...render(row)); return card; }));
  return list;
};

const form = (fields, label, submit) => {
  const box = element("form");
  for (const [name, type] of fields) box.append(element("label", name), element("input", "", { name, type, required: true }));
  const problem = element("p", "", { className: "error" });
  box.append(element("button", label), problem);
  box.onsubmit = async (event) => {
    event.preventDefault();
    try { await submit(Object.fromEntries(new FormData(box))); } catch (error) { problem.textContent = error.message; }
  };
  return box;
};

const entered = ({ token, user }) => { sessionStorage.setItem("token", token); sessionStorage.setItem("name", user.name); location.hash = "#book"; };

const pages = {
  "": () => show(
    element("h1", "Practise the interview before the interview"),
    element("p", "Register free, pay when you book. Mentors from the companies you aim at."),
    element("h2", "Register free"),
    form([["name", "text"], ["email", "email"], ["password", "password"]], "Register", async (data) => entered(await api("/auth/register-free", data))),
    element("h2", "Log in"),
    form([["email", "email"], ["password", "password"]], "Log in", async (data) => entered(await api("/auth/login", data))),
  ),
  "#companies": async () => show(element("h1", "Companies"), cards(await api("/companies"), (row) => [element("strong", row.name)])),
  "#plans": async () => show(element("h1", "Plans"), cards(await api("/pricing-plans"), (row) => [
    element("strong", row.name), element("p", `₹${row.price_inr.toLocaleString("en-IN")} · ${row.mocks} mocks in ${row.months} months`),
  ])),
  "#book": async () => step("company_id", "1 of 5: company", await api("/companies"), (row) => row.name, () => types()),
};

const step = (key, title, rows, name, next) => show(element("h1", title), cards(rows, (row) => [
  element("strong", name(row)), element("p"), element("button", "Choose", { onclick: () => { booking[key] = row.id; next(row); } }),
]));
const types = async () => step("interview_type", "2 of 5: interview", await api("/interview-types"), (row) => `${row.name} (${row.minutes} min)`, () => slots());
const slots = async () => step("slot", "3 of 5: slot", await api("/time-slots"), (row) => `${row.date} ${row.time}`, () => confirm());
const confirm = () => show(element("h1", "4 of 5: confirm"), form([], "Ask for this interview", async () => {
  await api("/booking-requests", { company_id: booking.company_id, interview_type: booking.interview_type, slot_ids: [booking.slot] });
  await pay();
}));
const pay = async () => step("plan_id", "5 of 5: plan", await api("/pricing-plans"), (row) => `${row.name}: ₹${row.price_inr}`, async (row) => {
  const order = await api("/payment/create-order", { plan_id: row.id });
  await api("/payment/verify-payment", { order_id: order.id, ...order.checkout });
  show(element("h1", "Booked and paid"), element("p", "An administrator confirms your interview soon."));
});

const open = async () => {
  who.textContent = sessionStorage.getItem("name") ?? "";
  try { await (pages[location.hash] ?? pages[""])(); } catch (error) { show(element("p", error.message, { className: "error" })); }
};
addEventListener("hashchange", open);
open();
