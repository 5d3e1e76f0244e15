// The only door to the component library: pages use what is named here, so that another one could take its place.
export {
  ActionIcon,
  Anchor,
  Badge,
  Button,
  Checkbox,
  Collapse,
  Menu,
  NativeSelect,
  Paper,
  Radio,
  Skeleton,
  Textarea,
  TextInput,
  Tooltip,
  useMantineColorScheme,
  VisuallyHidden,
} from "@mantine/core";
