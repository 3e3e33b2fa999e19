// Remaining characters: data-counter="id of the output" and data-counter-limit="128" on an input; with
// data-counter-unit="bytes" the UTF-8 bytes count. The output's data-counter-text holds "%s left".

const encoder = new TextEncoder();

function show(input) {
  const output = document.getElementById(input.dataset.counter);
  if (!output) return;
  const used = input.dataset.counterUnit === "bytes" ? encoder.encode(input.value).length : [...input.value].length;
  const left = Number(input.dataset.counterLimit) - used;
  output.textContent = output.dataset.counterText.replace("%s", left.toLocaleString("en"));
  output.classList.toggle("field-counter-over", left < 0);
}

export function start() {
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-counter]")) show(event.target);
  });
  document.body.addEventListener("htmx:load", (event) => {
    for (const input of event.target.querySelectorAll("[data-counter]")) show(input);
  });
  for (const input of document.querySelectorAll("[data-counter]")) show(input);
}
