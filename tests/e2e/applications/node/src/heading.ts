export const heading = "Degrees";
